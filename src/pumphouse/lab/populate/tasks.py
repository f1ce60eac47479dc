"""Runs many small tasks that depend on one another with a bounded number of threads. Used by `run` and by `clear`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pumphouse.domain.errors import PumphouseError
from pumphouse.lab.errors import LabError


class Outcome(StrEnum):
    """What became of one thing."""

    MADE = "made"
    REPAIRED = "repaired"
    KEPT = "kept"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to see to. `needs` are keys of tasks that must be done before; `weight` is its cost against the others, for the ETA."""

    key: str
    kind: str
    run: Callable[[], Outcome]
    needs: frozenset[str] = frozenset()
    weight: float = 1.0


class Progress(Protocol):
    """Whoever watches; called from one thread only."""

    def planned(self, counts: Mapping[str, int], weight: float) -> None:
        """How many of each kind there are, and what they weigh together."""
        ...

    def finished(self, kind: str, name: str, outcome: Outcome, weight: float) -> None:
        """One is done."""
        ...


class Silent:
    """A progress that nobody watches."""

    def planned(self, counts: Mapping[str, int], weight: float) -> None:
        """Nothing."""

    def finished(self, kind: str, name: str, outcome: Outcome, weight: float) -> None:
        """Nothing."""


def run_tasks(tasks: Sequence[Task], progress: Progress, workers: int) -> dict[str, Outcome]:
    """Run all tasks, each as soon as its needs are done, in the given order otherwise. After a failure nothing new is begun.

    Raises:
        PumphouseError: of the task that failed; what was running is waited for.
    """
    progress.planned(Counter(t.kind for t in tasks), sum(t.weight for t in tasks))
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="populate")
    try:
        outcomes = _work(pool, list(tasks), progress, workers)
    except KeyboardInterrupt:
        # whoever presses Ctrl-C does not want to wait for servers; a second run goes on from here
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown()
        raise
    pool.shutdown()
    return outcomes


def _work(pool: Executor, waiting: list[Task], progress: Progress, workers: int) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    running: dict[Future[Outcome], Task] = {}
    while waiting or running:
        for task in [t for t in waiting if t.needs <= outcomes.keys()][: workers - len(running)]:
            waiting.remove(task)
            running[pool.submit(task.run)] = task
        if not running:
            missing = sorted(waiting[0].needs - outcomes.keys())
            raise LabError(f"{waiting[0].key} needs {missing}, which nobody makes")
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            try:
                outcomes[task.key] = future.result()
            except PumphouseError as exc:
                raise _told(exc, task) from exc
            progress.finished(task.kind, task.key, outcomes[task.key], task.weight)
    return outcomes


def _told(error: PumphouseError, task: Task) -> LabError:
    """The same error, saying which thing it was about."""
    return LabError(f"{task.key}: {error.message}", hint=error.hint)
