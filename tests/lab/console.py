"""Types what a person types: runs the installed `pumphouse` and `openstack` commands as processes."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Console:
    """A shell of its own: its own state directory, its own lab."""

    lab_dir: Path
    state_dir: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PUMPHOUSE_", "OS_"))}
        return {
            **keep,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PUMPHOUSE_LAB_DIR": str(self.lab_dir),
            "PUMPHOUSE_STATE_DIR": str(self.state_dir),
            "OS_CLIENT_CONFIG_FILE": str(self.lab_dir / "clouds.yaml"),
            "COLUMNS": "200",
            **self.extra,
        }

    def __call__(self, *words: str, timeout_s: float = 600, program: str = "pumphouse") -> Said:
        ended = subprocess.run(
            [str(BIN / program), *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def ok(self, *words: str, timeout_s: float = 600) -> Any:
        """Run with `-o json`, insist on success, answer the object."""
        said = self(*words, "-o", "json", timeout_s=timeout_s)
        assert said.code == 0, (
            f"pumphouse {' '.join(words)}: exit {said.code}\n{said.out[-3000:]}\n{said.err[-3000:]}"
        )
        return said.json()

    def openstack(self, cloud: str, *words: str) -> Any:
        """The `openstack` client's own view, as JSON."""
        said = self("--os-cloud", cloud, *words, "-f", "json", program="openstack")
        assert said.code == 0, f"openstack {' '.join(words)}: {said.err[-2000:]}"
        return said.json()

    def begin(self, *words: str) -> "Running":
        """Start a command and leave it running."""
        process = subprocess.Popen(
            [str(BIN / "pumphouse"), *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(process)


@dataclass
class Running:
    """A command that still runs."""

    process: "subprocess.Popen[str]"

    def kill(self) -> None:
        """SIGKILL, the whole group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def wait(self, timeout_s: float = 600) -> Said:
        out, _ = self.process.communicate(timeout=timeout_s)
        return Said(self.process.returncode, out, "")
