"""Runs a handful of steps in order as one TaskFlow flow: TaskFlow keeps the order, the retries, the record and the suspension.

Each claim of an operation runs what is left of it as a flow of its own, so that a replaced owner can write only into its own dead flow. What
a step does, and what became of it, is told by our rows (stages.py), which are guarded. This module and taskflow_logbook.py are the only ones that know TaskFlow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.errors import StoreFaultError
from pumphouse.engine.light_imports import light
from pumphouse.engine.taskflow_logbook import Logbook

with light():
    from taskflow import exceptions, retry, task
    from taskflow.engines.action_engine.engine import SerialActionEngine
    from taskflow.patterns import linear_flow
    from taskflow.storage import Storage


class Verdict(Enum):
    """What follows a try at a step."""

    GO_ON = "go on"
    AGAIN = "again"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Stage:
    """A step as the flow sees it: a name, something to try, and how often. The last try must not answer AGAIN."""

    name: str
    attempt: Callable[[int], Verdict]
    attempts: int


class Flows:
    """Runs stages under the logbook of one database."""

    def __init__(self, database: object) -> None:
        if not isinstance(database, sa.Engine):
            raise TypeError("the store's `database` is not an SQLAlchemy engine")
        self._logbook = Logbook(database)

    def carry_out(self, operation_id: str, name: str, stages: Sequence[Stage], *, flow_id: str) -> None:
        """Run the stages in order until one answers HALT.

        Raises:
            StoreFaultError: TaskFlow could not write its record.
        """
        if not stages:
            return
        try:
            self._carry_out(operation_id, name, stages, flow_id)
        except (exceptions.StorageFailure, sa.exc.SQLAlchemyError) as error:
            raise StoreFaultError("the database did not take TaskFlow's record of the run") from error

    def _carry_out(self, operation_id: str, name: str, stages: Sequence[Stage], flow_id: str) -> None:
        flow = linear_flow.Flow(name)
        halt = _Halt()
        flow.add(*(_stage_flow(stage, halt) for stage in stages))
        engine = _Engine(flow, self._logbook.new_flow(operation_id, name, flow_id), self._logbook, {})
        halt.suspend = engine.suspend
        engine.run()


class _Storage(Storage):  # type: ignore[misc]  # TaskFlow has no types
    """TaskFlow's own, less the two writes of each try that say "0 %" and "100 %": nobody asks."""

    @override
    def set_task_progress(self, task_name: str, progress: float, details: object = None) -> None:
        del task_name, progress, details


class _Engine(SerialActionEngine):  # type: ignore[misc]  # TaskFlow has no types
    """TaskFlow's serial engine with that storage."""

    @cached_property
    @override
    def storage(self) -> _Storage:
        return _Storage(self._flow_detail, backend=self._backend, scope_fetcher=self._scopes_for)

    def _scopes_for(self, atom_name: str) -> object:
        return self._runtime.fetch_scopes_for(atom_name) if self._compiled else None


class _Halt:
    """Suspends the flow; known to its tasks before the TaskFlow engine exists."""

    suspend: Callable[[], None]


class _TryAgainError(Exception):
    """Asks TaskFlow for another round. Says nothing more: TaskFlow stores it, and the reason stands in our rows."""


class _Task(task.Task):  # type: ignore[misc]  # TaskFlow has no types
    """One try at a stage."""

    def __init__(self, stage: Stage, halt: _Halt) -> None:
        super().__init__(name=stage.name)
        self._stage = stage
        self._halt = halt
        self._round = 0

    @override
    def execute(self) -> str:
        self._round += 1
        verdict = self._stage.attempt(self._round)
        if verdict is Verdict.AGAIN:
            raise _TryAgainError
        if verdict is Verdict.HALT:
            self._halt.suspend()
        return str(verdict.value)

    @override
    def revert(self, result: object, **kwargs: object) -> None:
        # called before each new round; undoing is a flow of its own
        del result, kwargs


class _Rounds(retry.Retry):  # type: ignore[misc]  # TaskFlow has no types
    """Another round for a stage that asked for one, up to its number of attempts."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(name=f"{stage.name}:rounds")
        self._attempts = stage.attempts

    @override
    def execute(self, history: retry.History, *args: object, **kwargs: object) -> int:
        return len(history) + 1

    @override
    def on_failure(self, history: retry.History, *args: object, **kwargs: object) -> str:
        again = len(history) < self._attempts and history.caused_by(_TryAgainError, index=-1)
        return str(retry.RETRY if again else retry.REVERT_ALL)


def _stage_flow(stage: Stage, halt: _Halt) -> linear_flow.Flow:
    return linear_flow.Flow(f"{stage.name}:flow", retry=_Rounds(stage)).add(_Task(stage, halt))
