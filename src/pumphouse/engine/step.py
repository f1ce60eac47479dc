"""What a workflow author writes: steps, item steps, and the context that the engine hands to them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from typing_extensions import override

from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item, Operation
from pumphouse.domain.plan import Plan
from pumphouse.ports.clock import Clock
from pumphouse.ports.toolbox import Toolbox

T = TypeVar("T")


class StepContext(Protocol):
    """Everything a step may touch. Writes go to the database at once, guarded by the owner's token."""

    @property
    def operation(self) -> Operation: ...

    @property
    def params(self) -> Mapping[str, Any]: ...

    @property
    def plan(self) -> Plan:
        """The plan this operation was started from."""
        ...

    @property
    def tools(self) -> Toolbox: ...

    @property
    def clock(self) -> Clock: ...

    def recall(self, key: str, default: Any = None) -> Any:
        """A value that a step of this operation has remembered."""
        ...

    def remember(self, **values: Any) -> None:
        """Keep JSON-safe values with the operation, durable when this returns; visible to later steps and to undo."""
        ...

    def remember_item(self, item: Item, **values: Any) -> None:
        """Record values with a running item before an act, durable when this returns: after a crash they are in `item.result`."""
        ...

    def emit(
        self, type: str, message: str, *, subject: str = "", environment: str | None = None,
        severity: Severity = Severity.INFO, notify: bool = False, **data: Any,
    ) -> None:  # fmt: skip
        """Append an event; `notify` makes it a notification too."""
        ...

    def poll(
        self, probe: Callable[[], T | None], *, what: str, deadline_s: float, interval_s: float = 1.0
    ) -> T:
        """Call `probe` until it answers something other than None; CloudFaultErrors are endured until the deadline.

        Raises:
            DeadlineError: `what` did not come true within `deadline_s` seconds.
            StoppedError: the process is shutting down (never for pause or cancel: an item that has begun is finished).
        """
        ...

    def run_child(self, name: str, kind: str, params: Mapping[str, Any]) -> Operation:
        """Plan and run another workflow as a child operation and wait for it; `name` is unique in this operation, so that after a crash the same
        child is found and resumed instead of a second one being started. The child works under this operation's locks.

        Raises:
            BlockedError: the child's plan has critical findings.
            PermanentError: the child failed; its error is repeated.
        """
        ...

    def undo_child(self, name: str) -> None:
        """Undo the child of that name; none is no error."""
        ...

    def conclude(self, text: str) -> None:
        """What came out of this step, in a sentence that stays with it: its `reason` once it is done."""
        ...

    def progress(self, message: str) -> None:
        """A line of progress for the person who watches (an event `step.progress`)."""
        ...


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item before the engine has recorded it. `key` is unique within the step and stable across re-listing.

    `groups` are what it burdens (`source:node-1`): no more than `limits()[group]` items of a group run at once.
    """

    key: str
    name: str
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """What `check` answers when there is nothing to do, and what `do_item` may answer for one item."""

    reason: str


class Step(ABC):
    """One part of an operation. `do` must be safe to repeat: after a crash it is called again and looks before it acts.

    TemporaryErrors are retried up to `attempts` times with back-off; any other PumphouseError fails the step.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    irreversible: ClassVar[bool] = False
    attempts: ClassVar[int] = 5
    repeats: ClassVar[bool] = False
    """Whether a retry of the operation does it again although it had ended well: a proof must be younger than what it proves."""

    def check(self, ctx: StepContext) -> Skipped | None:
        """Whether it needs to be done at all."""
        del ctx
        return None

    @abstractmethod
    def do(self, ctx: StepContext) -> None:
        """Do it and verify it at the cloud."""

    def undo(self, ctx: StepContext) -> None:
        """Put back what `do` changed, also when `do` stopped in the middle; safe to repeat. Never called for an irreversible step
        that is done: undo stops there.
        """
        del ctx


class ItemStep(Step):
    """A step over many things, each of which succeeds, fails and is undone alone."""

    @abstractmethod
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        """All items, in the order in which they should start; called once, recorded, and called again only by a retry."""

    @abstractmethod
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        """Look whether it is done already, act, confirm at the cloud, and answer what should be recorded."""

    def undo_item(self, ctx: StepContext, item: Item) -> None:
        """Put it back; called for items that are done, failed or were running. `item.result` is what `do_item` recorded."""
        del ctx, item

    def parallel(self, ctx: StepContext) -> int:
        """How many items may run at once."""
        del ctx
        return 4

    def limits(self, ctx: StepContext) -> Mapping[str, int]:
        """How many items of a group may run at once; a group that is not named is bounded by `parallel` alone."""
        del ctx
        return {}

    @override
    def do(self, ctx: StepContext) -> None:
        """The engine runs the items itself; `do` is called after the last one has ended well enough to go on."""
        del ctx
