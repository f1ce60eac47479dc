"""Starts, finds and stops the lab's processes. Each leaves a record in `run/` that survives the reuse of its pid.

A process is ours when its record names its pid *and* its start time; what a killed `lab up` left without a
record is found by the directory it runs in, or by the mark in its environment.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pumphouse.lab.errors import LabCommandError, ProcessDiedError
from pumphouse.lab.layout import Layout
from pumphouse.lab.topology import write_atomically
from pumphouse.lab.waiting import now, pause

MARK = "PUMPHOUSE_LAB_STATE"
STOP_S = 5.0
LOG_TAIL = 15
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One started process. `started` is the kernel's start time of the pid, in ticks since boot."""

    name: str
    pid: int
    started: int
    boot: str
    cloud: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run: `command` under `environment`, known in this lab as `name`."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    cloud: str | None = None
    port: int | None = None


def start_time(pid: int) -> int | None:
    """When `pid` started, in ticks since boot; None if it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Processes:
    """The processes of one lab."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    # -- records

    def record_file(self, name: str) -> Path:
        return self._layout.run_dir / f"{name}.json"

    def records(self) -> dict[str, ProcessRecord]:
        """Everything that was started and not stopped, dead or alive."""
        if not self._layout.run_dir.is_dir():
            return {}
        found = (self.record(path.stem) for path in sorted(self._layout.run_dir.glob("*.json")))
        return {r.name: r for r in found if r}

    def record(self, name: str) -> ProcessRecord | None:
        try:
            return ProcessRecord(**json.loads(self.record_file(name).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def remember(self, name: str, pid: int, *, cloud: str | None, port: int | None) -> ProcessRecord:
        """Write the record of a process that has just been started by us or forked for us.

        Raises:
            ProcessDiedError: it is gone already.
        """
        started = start_time(pid)
        if started is None:
            raise self.death(name)
        record = ProcessRecord(name, pid, started, boot_id(), cloud, port)
        write_atomically(self.record_file(name), json.dumps(asdict(record)))
        return record

    def forget(self, name: str) -> None:
        self.record_file(name).unlink(missing_ok=True)

    def alive(self, name: str) -> ProcessRecord | None:
        """The record of `name` if that very process still runs."""
        record = self.record(name)
        if record and record.boot == boot_id() and start_time(record.pid) == record.started:
            return record
        return None

    # -- start

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A small, clean environment: nothing of the user's settings reaches the clouds."""
        return {
            "PATH": f"{self._layout.shim_dir}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self._layout.state_dir),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self._layout.state_dir / "tmp"),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            MARK: str(self._layout.state_dir),
            **(extra or {}),
        }

    def start(self, spec: ProcessSpec) -> ProcessRecord:
        """Start `spec` in its own session, output to its log file; a running one is left alone."""
        running = self.alive(spec.name)
        if running:
            return running
        self._layout.work_dir.mkdir(parents=True, exist_ok=True)
        self._layout.log_dir.mkdir(parents=True, exist_ok=True)
        with self._layout.log_file(spec.name).open("ab") as log:
            child = subprocess.Popen(
                spec.command,
                env=self.environment(spec.environment),
                cwd=self._layout.work_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.remember(spec.name, child.pid, cloud=spec.cloud, port=spec.port)

    def run(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        well: Collection[int] = (0,),
    ) -> str:
        """Run a set-up command to its end and return what it printed on stdout; `well` are the exit codes that mean success.

        Raises:
            LabCommandError: it failed; the message carries its last lines.
        """
        self._layout.work_dir.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            command,
            env=self.environment(environment),
            cwd=self._layout.work_dir,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode not in well:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LOG_TAIL:])
            raise LabCommandError(f"{Path(command[0]).name} ended with {done.returncode}:\n{tail}")
        return done.stdout

    # -- death

    def log_tail(self, name: str, lines: int = LOG_TAIL) -> list[str]:
        try:
            with self._layout.log_file(name).open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - 400 * lines))
                text = COLOUR.sub("", log.read().decode(errors="replace"))
                return text.splitlines()[-lines:]
        except OSError:
            return []

    def death(self, name: str) -> ProcessDiedError:
        """The error that says that `name` died, with the end of its log."""
        tail = "\n".join(self.log_tail(name)) or "(its log is empty)"
        return ProcessDiedError(
            f"{name} died. The end of its log:\n{tail}",
            hint=f"The whole log: {self._layout.log_file(name)}. Then run `pumphouse lab up` again.",
        )

    def check_alive(self, name: str) -> None:
        if not self.alive(name):
            raise self.death(name)

    # -- stop

    def stop(self, name: str, *, timeout_s: float = STOP_S) -> None:
        """Stop `name` and its process group: politely first, by force after `timeout_s`. Absent is fine."""
        record = self.alive(name)
        if record:
            self._signal(record.pid, signal.SIGTERM)
            deadline = now() + timeout_s
            while start_time(record.pid) == record.started and now() < deadline:
                _reap(record.pid)
                pause(0.05)
            self._signal(record.pid, signal.SIGKILL)
            _reap(record.pid)
        self.forget(name)

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would do; the record stays, so that `status` says dead."""
        record = self.alive(name)
        if record:
            self._signal(record.pid, signal.SIGKILL)
            while start_time(record.pid) == record.started:
                _reap(record.pid)
                pause(0.02)

    def stop_all(self, names: Iterable[str], *, timeout_s: float = STOP_S) -> None:
        chosen = list(names)
        if chosen:
            with ThreadPoolExecutor(len(chosen)) as pool:
                list(pool.map(lambda name: self.stop(name, timeout_s=timeout_s), chosen))

    def sweep(self, keep: Iterable[str] = (), *, traces: Iterable[str] = ()) -> int:
        """Kill every process of this lab that no record in `keep` accounts for; returns how many.

        With `traces`, only those that have one of them in their command or environment.
        """
        kept = {r.pid for r in (self.alive(n) for n in keep) if r}
        wanted = [trace.encode() for trace in traces]
        killed = 0
        for pid in self._marked():
            if kept.isdisjoint(_family(pid)) and (not wanted or _has_trace(pid, wanted)):
                self._signal(pid, signal.SIGKILL, group=False)
                _reap(pid)
                killed += 1
        return killed

    def _marked(self) -> list[int]:
        mark = f"{MARK}={self._layout.state_dir}".encode()
        mine = {os.getpid(), os.getppid()}
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in mine:
                continue
            try:
                marked = mark in (entry / "environ").read_bytes().split(b"\0")
                here = (entry / "cwd").readlink() == self._layout.work_dir
            except OSError:
                continue
            if marked or here:
                found.append(int(entry.name))
        return found

    @staticmethod
    def _signal(pid: int, number: signal.Signals, *, group: bool = True) -> None:
        try:
            if group:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)
        except ProcessLookupError:
            pass


def _has_trace(pid: int, traces: list[bytes]) -> bool:
    try:
        told = b"\0".join(Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ"))
    except OSError:
        return False
    return any(trace in told for trace in traces)


def _family(pid: int) -> set[int]:
    """`pid`, the leader of its session, and its ancestors."""
    family = {pid}
    try:
        family.add(os.getsid(pid))
        while pid > 1:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            family.add(pid)
    except OSError:
        pass
    return family


def _reap(pid: int) -> None:
    """Collect a child of ours, so that it does not stay as a zombie; others are their parents' business."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
