"""Several operations at once, with a bound: started, shown side by side and summed up; the exit code is the worst. Used by migration.py for several tenants."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.live import Live
from rich.text import Text

from pumphouse.cli.failures import Exit, code_of
from pumphouse.cli.output import console
from pumphouse.cli.running import exit_code
from pumphouse.cli.session import Session
from pumphouse.cli.tables import counts, duration, plain_table, took, word
from pumphouse.cli.watching import ABANDONED_S, POLL_S, STOPPED, interrupts_held
from pumphouse.domain.errors import PumphouseError

if TYPE_CHECKING:
    from rich.table import Table

    from pumphouse.wire.operation import OperationView

WORST = (Exit.DONE, Exit.WITH_ERRORS, Exit.BLOCKED, Exit.USAGE, Exit.FAILED, Exit.INTERRUPTED)
"""From the best to the worst."""


@dataclass(slots=True)
class Run:
    """One of many. `start` is given an idempotency key; `operation` is as it was seen last, `error` why it could not be started."""

    name: str
    start: "Callable[[str], OperationView]"
    operation: "OperationView | None" = None
    error: PumphouseError | None = None
    alone_since: float | None = None
    starting: "Future[OperationView] | None" = None
    """while it is planned, which for a large tenant takes its time"""

    @property
    def status(self) -> str:
        """One word."""
        if self.error is not None:
            return "blocked" if code_of(self.error) == "blocked-by-findings" else "failed"
        if self.operation is None:
            return "waiting" if self.starting is None else "planning"
        return str(self.operation.status)

    @property
    def code(self) -> Exit:
        """The exit code that it alone would have."""
        if self.error is not None:
            return Exit.BLOCKED if self.status == "blocked" else Exit.FAILED
        return Exit.INTERRUPTED if self.operation is None else exit_code(self.operation)


def run_many(session: Session, runs: Sequence[Run], at_once: int) -> Exit:
    """Start all, no more than `at_once` at the same time, and wait for them. One that cannot be started, or fails, keeps none of the others
    back. Ctrl-C pauses all of them where they end with this process, and leaves them where they run at a server.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="start") as pool, _picture(runs) as show:
        many = _Many(session, runs, at_once, pool)
        while True:
            try:
                many.until_ended(show)
                break
            except KeyboardInterrupt:
                if not many.stop():
                    break
    if many.stopping:
        _say_how_to_go_on(session, runs)
        return Exit.INTERRUPTED
    return worst(run.code for run in runs)


def worst(codes: Iterable[Exit]) -> Exit:
    """Of several exit codes."""
    return max(codes, key=WORST.index, default=Exit.DONE)


def summary(runs: Sequence[Run]) -> "Table":
    """One line for each."""
    table = plain_table("TENANT", "STATUS", "ITEMS", "TOOK", "OPERATION", "ERROR")
    for run in runs:
        operation = run.operation
        said = run.error.message if run.error else ""
        if operation is None:
            table.add_row(Text(run.name), word(run.status), "", "", "", Text(said))
            continue
        progress = operation.progress
        failed = f", {progress.failed} failed" if progress.failed else ""
        table.add_row(
            Text(run.name),
            word(run.status),
            f"{progress.done} of {progress.total}{failed}",
            took(operation.started_at, operation.ended_at),
            operation.id[:8],
            Text("" if operation.status == "done" else operation.error),
        )
    return table


class _Many:
    def __init__(self, session: Session, runs: Sequence[Run], at_once: int, pool: ThreadPoolExecutor) -> None:
        self._session = session
        self._pool = pool
        self._waiting = list(runs)
        self._running: list[Run] = []
        self._at_once = at_once
        self.stopping = False

    def until_ended(self, show: Callable[[], None]) -> None:
        while True:
            self._fill()
            show()
            if not self._running:
                return
            self._session.clock.sleep(POLL_S)
            self._running = [run for run in self._running if self._goes_on(run)]

    def stop(self) -> bool:
        """Whether there is something to wait for."""
        leaving = self.stopping or not self._session.connection.in_process
        self.stopping = True
        self._waiting.clear()
        if not leaving:
            typer.echo("Stopping: what has begun is finished first. Ctrl-C again leaves at once.", err=True)
        with interrupts_held():  # what is being accepted is waited for, so that its id is known
            for run in self._running:
                _started(run)
        if leaving:
            return False
        for run in self._running:
            if run.operation is not None:
                _pause(self._session, run.operation.id)
        return True

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            run = self._waiting.pop(0)
            run.starting = self._pool.submit(run.start, str(uuid.uuid4()))
            self._running.append(run)

    def _goes_on(self, run: Run) -> bool:
        if run.starting is not None and not run.starting.done():
            return True
        _started(run)
        if run.operation is None:
            return False
        run.operation = self._session.client.operation(run.operation.id, plan=False)
        if run.operation.status in STOPPED:
            return False
        if not run.operation.interrupted:
            run.alone_since = None
            return True
        now = self._session.clock.monotonic()
        run.alone_since = now if run.alone_since is None else run.alone_since
        return now - run.alone_since <= ABANDONED_S


def _started(run: Run) -> None:
    """Note what became of its start, when that has ended."""
    if run.starting is None:
        return
    try:
        run.operation = run.starting.result()
    except PumphouseError as error:
        run.error = error
    run.starting = None


class _Lines:
    """One line for each change: for logs and pipes."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._told: dict[str, tuple[str, str | None]] = {}
        self._console = console(err=True)

    def __enter__(self) -> Callable[[], None]:
        return self._show

    def __exit__(self, *_: object) -> None:
        self._show()

    def _show(self) -> None:
        for run in self._runs:
            step = run.operation.current_step if run.operation else None
            if run.status == "waiting" or self._told.get(run.name) == (run.status, step):
                continue
            self._told[run.name] = (run.status, step)
            at = (
                f" ({step}, {run.operation.progress.done} of {run.operation.progress.total})"
                if step and run.operation and run.status == "running"
                else ""
            )
            why = f": {run.error.message}" if run.error else ""
            self._console.print(
                f"{run.name}: {run.status.replace('_', ' ')}{at}{why}", markup=False, soft_wrap=True
            )


class _Table:
    """One row for each, live."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._live = Live(console=console(err=True), refresh_per_second=4, get_renderable=self._render)

    def __enter__(self) -> Callable[[], None]:
        self._live.start()
        return self._live.refresh

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _render(self) -> "Table":
        from rich.progress_bar import ProgressBar

        table = plain_table("TENANT", "STATUS", "STEP", "", "ITEMS", "LEFT")
        for run in self._runs:
            if run.operation is None:
                table.add_row(Text(run.name), word(run.status), "", "", "", "")
                continue
            operation, progress = run.operation, run.operation.progress
            step = next((s for s in operation.steps if s.name == operation.current_step), None)
            at = "" if step is None else " ".join(filter(None, (step.title, counts(step.counts))))
            bar = ProgressBar(total=progress.total or 1, completed=progress.done, width=20)
            left = f"about {duration(progress.eta_s)}" if progress.eta_s else ""
            table.add_row(
                Text(run.name), word(run.status), at, bar, f"{progress.done} of {progress.total}", left
            )
        return table


def _picture(runs: Sequence[Run]) -> "_Table | _Lines":
    return _Table(runs) if console(err=True).is_terminal else _Lines(runs)


def _pause(session: Session, operation_id: str) -> None:
    from pumphouse.client.errors import ProblemError

    try:
        session.client.act(operation_id, "pause")
    except ProblemError:
        # it has ended meanwhile, which the next look will tell
        return


def _say_how_to_go_on(session: Session, runs: Sequence[Run]) -> None:
    verb = "resume" if session.connection.in_process else "watch"
    for run in runs:
        if run.operation is None:
            typer.echo(f"{run.name}: {'not begun' if run.error is None else run.error.message}", err=True)
        elif run.operation.status in STOPPED and exit_code(run.operation) is Exit.DONE:
            typer.echo(f"{run.name}: done", err=True)
        else:
            typer.echo(f"{run.name}: go on with: pumphouse operation {verb} {run.operation.id[:8]}", err=True)
