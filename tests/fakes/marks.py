"""A tiny world for engine tests: things that are somewhere, steps that move them, and a record of every effect.

`World` keeps its state in memory or, for the tests that kill processes, in a directory with one file for each effect.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow


class World:
    """What is done (`marks`), and a journal of every doing and undoing; survives a kill when it has a directory."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._marks: set[str] = set()
        self.journal: list[str] = []
        self.hook: Callable[[str], None] = lambda _point: None
        """Called at every point where something may go wrong; a test raises or kills in it."""
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def marks(self) -> set[str]:
        if self._directory is not None:
            return {json.loads(line)[1] for line in self._lines() if self._is(json.loads(line)[1])}
        return set(self._marks)

    def has(self, mark: str) -> bool:
        """What a look at the cloud would show."""
        return self._is(mark)

    def put(self, mark: str) -> None:
        """An effect. Never looks: a second one for the same mark is the fault that tests look for."""
        self._write("do", mark)

    def take(self, mark: str) -> None:
        self._write("undo", mark)

    def effects(self) -> list[tuple[str, str]]:
        """Every effect in order."""
        if self._directory is not None:
            return [tuple(json.loads(line)) for line in self._lines()]
        return [tuple(entry.split(" ", 1)) for entry in self.journal]  # type: ignore[misc]

    def _is(self, mark: str) -> bool:
        balance = 0
        for verb, name in self.effects():
            if name == mark:
                balance += 1 if verb == "do" else -1
        return balance > 0

    def _write(self, verb: str, mark: str) -> None:
        with self._lock:
            self.journal.append(f"{verb} {mark}")
            if self._directory is None:
                (self._marks.add if verb == "do" else self._marks.discard)(mark)
                return
            # one write below PIPE_BUF with O_APPEND is whole or absent, also when the process is killed
            handle = os.open(self._directory / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, (json.dumps([verb, mark]) + "\n").encode())
            os.close(handle)

    def _lines(self) -> list[str]:
        assert self._directory is not None
        path = self._directory / "journal"
        return path.read_text().splitlines() if path.exists() else []


class MarkStep(Step):
    """Sets one mark and looks first."""

    title: ClassVar[str] = "set a mark"

    def __init__(self, world: World, name: str, *, irreversible: bool = False) -> None:
        self.world = world
        self.name = name  # type: ignore[misc]
        self.title = f"mark {name}"  # type: ignore[misc]
        self.irreversible = irreversible  # type: ignore[misc]

    @override
    def do(self, ctx: StepContext) -> None:
        self.world.hook(f"{self.name}:before")
        if not self.world.has(self.name):
            self.world.put(self.name)
        self.world.hook(f"{self.name}:after")

    @override
    def undo(self, ctx: StepContext) -> None:
        self.world.hook(f"{self.name}:undo")
        if self.world.has(self.name):
            self.world.take(self.name)
        self.world.hook(f"{self.name}:undone")


class MarkItems(ItemStep):
    """Sets one mark for each item."""

    title: ClassVar[str] = "set marks"

    def __init__(
        self, world: World, name: str, count: int, parallel: int = 4, limits: Mapping[str, int] | None = None
    ) -> None:
        self.world = world
        self.name = name  # type: ignore[misc]
        self.count = count
        self._parallel = parallel
        self._limits = limits or {}

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        self.world.hook(f"{self.name}:list")
        return [
            NewItem(str(n), f"{self.name}-{n}", "thing", {"n": n}, groups=(f"even:{n % 2 == 0}",))
            for n in range(self.count)
        ]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        self.world.hook(f"{item.name}:before")
        if not self.world.has(item.name):
            self.world.put(item.name)
        self.world.hook(f"{item.name}:after")
        return {"at": "new"}

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        self.world.hook(f"{item.name}:undo")
        if self.world.has(item.name):
            self.world.take(item.name)
        self.world.hook(f"{item.name}:undone")

    @override
    def parallel(self, ctx: StepContext) -> int:
        return self._parallel

    @override
    def limits(self, ctx: StepContext) -> Mapping[str, int]:
        return self._limits


class MarkWorkflow(Workflow):
    """prepare, move (items), finish; parameters `count`, `parallel`, `on_failure`, `lock`, `irreversible`."""

    kind: ClassVar[str] = "mark"

    def __init__(self, world: World) -> None:
        self.world = world

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"count": 3, "parallel": 2, "lock": "node:a/b", **params}

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"mark {params['count']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return "a"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [params["lock"]]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        return Plan(
            self.kind, self.title(params), "", self.planned_steps(params), findings=params.get("findings", ())
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        final = bool(params.get("irreversible"))
        return [
            MarkStep(self.world, "prepare"),
            MarkItems(self.world, "move", params["count"], params["parallel"], params.get("limits")),
            MarkStep(self.world, "commit", irreversible=final),
            MarkStep(self.world, "finish"),
        ]


class ParentStep(Step):
    """Runs a `mark` operation as its child."""

    name: ClassVar[str] = "child"
    title: ClassVar[str] = "run a child"

    @override
    def do(self, ctx: StepContext) -> None:
        ctx.run_child("first", "mark", {**ctx.params})

    @override
    def undo(self, ctx: StepContext) -> None:
        ctx.undo_child("first")


class ParentWorkflow(MarkWorkflow):
    """open, child (a whole `mark` operation under our lock), close."""

    kind: ClassVar[str] = "parent"

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [MarkStep(self.world, "open"), ParentStep(), MarkStep(self.world, "close")]
