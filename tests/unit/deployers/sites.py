"""Sites for the deployer tests: scripts that keep their nodes as files."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pumphouse.domain.environment import CloudAccess, Environment

SCRIPT = Path(__file__).with_name("site_script.py")


def environment(name: str = "old") -> Environment:
    return Environment(f"id-{name}", name, CloudAccess(name), "command", {}, datetime(2026, 1, 1, tzinfo=UTC))


def options(directory: Path, mode: str = "", **more: Any) -> dict[str, Any]:
    """Options that name the script for every action, with its nodes below `directory`."""
    (directory / "nodes").mkdir(exist_ok=True)
    script = [sys.executable, str(SCRIPT)]
    return {
        **dict.fromkeys(("take_down", "install", "state", "validate", "register", "unregister"), script),
        "reinstalls_removed": True,
        "env": {"SITE_DIR": str(directory), "SITE_MODE": mode},
        "lock_dir": str(directory / "locks"),
        "options": {"rack": 7},
        **more,
    }


def put_node(directory: Path, name: str, state: str = "installed") -> None:
    (directory / "nodes").mkdir(exist_ok=True)
    (directory / "nodes" / name).write_text(state)


def calls(directory: Path) -> list[Mapping[str, Any]]:
    """The documents that the script was given, in order."""
    file = directory / "calls"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
