"""What runs in a lab: one row per process, with its memory. Shown by `lab status`, returned by `Lab.status`."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pumphouse.lab.processes import Processes

PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessState(StrEnum):
    """`dead`: it was started, not stopped, and is gone. `stopped`: nobody started it."""

    RUNNING = "running"
    DEAD = "dead"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the lab with all its children. `environment` is its cloud, or `shared`."""

    id: str
    name: str
    status: ProcessState
    environment: str
    pid: int | None
    rss_bytes: int
    port: int | None
    log: str
    last_lines: tuple[str, ...] = ()


def process_statuses(
    processes: Processes, expected: Iterable[tuple[str, str]], log_dir: Path
) -> list[ProcessStatus]:
    """Rows for the expected (name, cloud) pairs, and for whatever else has a record."""
    records = processes.records()
    memory = _memory_by_session()
    wanted = dict(expected)
    for name, started in records.items():
        wanted.setdefault(name, started.cloud or "shared")
    rows = []
    for name, environment in wanted.items():
        record = records.get(name)
        alive = processes.alive(name)
        state = ProcessState.RUNNING if alive else ProcessState.DEAD if record else ProcessState.STOPPED
        rows.append(
            ProcessStatus(
                id=name,
                name=name,
                status=state,
                environment=environment,
                pid=alive.pid if alive else None,
                rss_bytes=memory.get(alive.pid, 0) if alive else 0,
                port=record.port if record else None,
                log=str(log_dir / f"{name}.log"),
                last_lines=tuple(processes.log_tail(name, 5)) if state is ProcessState.DEAD else (),
            )
        )
    return rows


def _memory_by_session() -> dict[int, int]:
    """Resident bytes by session leader: every process of the lab leads a session of its own."""
    found: dict[int, int] = defaultdict(int)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                session = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3])
                found[session] += int((entry / "statm").read_text().split()[1]) * PAGE
            except (OSError, IndexError):
                continue
    return found
