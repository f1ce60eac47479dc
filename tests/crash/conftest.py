"""The nursery, where the processes of these tests are born, and the keeper of the fake clouds that such processes work on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pumphouse.drivers.database.stores import Stores
from tests.crash.nursery import Job

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.crash)


class Nursery:
    """Runs jobs in processes of their own."""

    def __init__(self) -> None:
        self._talk = Talk("tests.crash.nursery")

    def run(self, *jobs: Job) -> list[int]:
        """Their exit codes; -9 for a killed one."""
        return self._ask({"jobs": [asdict(job) for job in jobs], "background": False})

    def start(self, job: Job) -> int:
        """Its process id; the caller waits for it."""
        return self._ask({"jobs": [asdict(job)], "background": True})[0]

    def wait(self, pid: int) -> int:
        return self._ask({"wait": pid})[0]

    def close(self) -> None:
        self._talk.close()

    def _ask(self, message: dict[str, object]) -> list[int]:
        answer: list[int] = self._talk.ask(message)
        return answer


class Clouds:
    """Two fake clouds that outlive the Pumphouse processes working on them (scene.py)."""

    def __init__(self) -> None:
        self._talk = Talk("tests.crash.scene")

    def open(self, folder: Path, *, servers: bool) -> dict[str, Any]:
        """New clouds, and a place for the database; answers what there is."""
        found: dict[str, Any] = self._talk.ask({"open": str(folder), "servers": servers})
        return found

    def live(
        self, kind: str, params: dict[str, Any], *, kill: str = "", undo: bool = False
    ) -> tuple[int, list[str]]:
        """One Pumphouse process: its exit code (-9 when it was killed at the point `kill`), and the points it has passed."""
        answer = self._talk.ask({"live": {"kind": kind, "params": params, "kill": kill, "undo": undo}})
        return answer["code"], answer["trace"]

    def look(self) -> dict[str, Any]:
        """What there is."""
        found: dict[str, Any] = self._talk.ask({"look": True})
        return found

    def forget(self, *names: str) -> dict[str, Any]:
        """Their owners delete these servers; answers what there is then."""
        found: dict[str, Any] = self._talk.ask({"forget": names})
        return found

    def close(self) -> None:
        self._talk.close()


class Talk:
    """A module run as a process that answers each line of JSON with one."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", module]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def ask(self, message: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=120)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with closing(Nursery()) as nursery:
        yield nursery


@pytest.fixture(scope="session")
def clouds() -> Iterator[Clouds]:
    with closing(Clouds()) as clouds:
        yield clouds


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose tables are there already."""
    file = tmp_path_factory.mktemp("empty") / "test.db"
    Stores(f"sqlite:///{file}").close()
    return file
