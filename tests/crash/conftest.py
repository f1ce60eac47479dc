"""The nursery: where the processes of these tests are born."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.crash.nursery import Job

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.crash)


class Nursery:
    """Runs jobs in processes of their own."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.crash.nursery"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def run(self, *jobs: Job) -> list[int]:
        """Their exit codes; -9 for a killed one."""
        return self._ask({"jobs": [asdict(job) for job in jobs], "background": False})

    def start(self, job: Job) -> int:
        """Its process id; the caller waits for it."""
        return self._ask({"jobs": [asdict(job)], "background": True})[0]

    def wait(self, pid: int) -> int:
        return self._ask({"wait": pid})[0]

    def close(self) -> None:
        assert self._process.stdin
        self._process.communicate(timeout=20)

    def _ask(self, message: dict[str, object]) -> list[int]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        answer: list[int] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()
