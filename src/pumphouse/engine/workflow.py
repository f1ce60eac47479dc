"""What a workflow is to the engine: it validates its parameters, plans, and names its steps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

from pumphouse.domain.plan import Plan, PlannedStep
from pumphouse.engine.step import Step
from pumphouse.ports.clock import Clock
from pumphouse.ports.toolbox import Toolbox

OnFailure = Literal["pause", "skip", "undo"]


class PlanContext(Protocol):
    """What planning may touch: it reads clouds and changes nothing."""

    @property
    def tools(self) -> Toolbox: ...

    @property
    def clock(self) -> Clock: ...

    def plan_child(self, kind: str, params: Mapping[str, Any]) -> Plan:
        """The plan of another workflow, by its name, to be shown as part of this one."""
        ...


class Workflow(ABC):
    """One kind of operation. Instances hold no state; parameters are JSON-safe and name environments by their unique name."""

    kind: ClassVar[str]

    @abstractmethod
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Defaults filled in, every value checked.

        Raises:
            InvalidInputError: naming the field, the value and what would be right.
        """

    @abstractmethod
    def title(self, params: Mapping[str, Any]) -> str:
        """The operation in a few words: `evacuate node-3 of old`."""

    @abstractmethod
    def environment(self, params: Mapping[str, Any]) -> str:
        """The environment that the operation belongs to."""

    def subject(self, params: Mapping[str, Any]) -> str:
        """What it is about, `ENV/NAME`."""
        return self.environment(params)

    @abstractmethod
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        """The names that no other operation may hold meanwhile, such as `node:old/node-3`; a child of ours may."""

    @abstractmethod
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        """Look at the clouds and say what would be done."""

    @abstractmethod
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        """The steps in order, 1 to 30 of them; the same for the same parameters."""

    def on_failure(self, params: Mapping[str, Any]) -> OnFailure:
        """What a failure means. `pause`: the operation stops as failed and waits for the operator (retry, skip the failed items, or undo).
        `skip`: failed items are left behind and it ends "done with errors" (a failed step still stops it). `undo`: it undoes itself at once.
        """
        wish = params.get("on_failure", "pause")
        return wish if wish in ("pause", "skip", "undo") else "pause"

    def planned_steps(self, params: Mapping[str, Any]) -> list[PlannedStep]:
        """The steps as a plan shows them."""
        return [PlannedStep(s.name, s.title, s.irreversible) for s in self.steps(params)]
