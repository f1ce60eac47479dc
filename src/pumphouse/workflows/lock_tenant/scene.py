"""Where a fence works: one tenant of one environment, with its journal; plans and steps make one and hand it to the mechanisms."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.fence import EntryState, Fence, FenceEntry
from pumphouse.engine.step import StepContext
from pumphouse.engine.workflow import PlanContext
from pumphouse.ports.clock import Clock
from pumphouse.ports.identity import Tenants
from pumphouse.ports.policy import PolicyHost
from pumphouse.ports.probes import Prober
from pumphouse.ports.toolbox import Toolbox

STANDING = frozenset({EntryState.INTENDED, EntryState.DONE})
TO_RESTORE = STANDING | {EntryState.RESTORING}


@dataclass(frozen=True, slots=True)
class Scene:
    """The tenant, and everything that a mechanism may reach for."""

    tools: Toolbox
    clock: Clock
    environment: str
    tenant_id: str

    @classmethod
    def of(cls, ctx: StepContext) -> "Scene":
        """That of a step."""
        return cls(ctx.tools, ctx.clock, str(ctx.params["environment"]), str(ctx.params["tenant"]))

    @classmethod
    def planned(cls, ctx: PlanContext, params: Mapping[str, Any]) -> "Scene":
        """That of a plan."""
        return cls(ctx.tools, ctx.clock, str(params["environment"]), str(params["tenant"]))

    @property
    def tenants(self) -> Tenants:
        return self.tools.tenants(self.environment)

    @property
    def prober(self) -> Prober:
        return self.tools.prober(self.environment)

    @property
    def policy(self) -> PolicyHost | None:
        return self.tools.policy(self.environment)

    @property
    def fence(self) -> Fence | None:
        """The record as it is now."""
        return self.tools.fences.fence(self.environment, self.tenant_id)

    def is_gone(self) -> bool:
        """Whether the tenant was deleted meanwhile: then there is nobody to give anything back to."""
        try:
            self.tenants.tenant(self.tenant_id)
        except NotFoundError:
            return True
        return False

    def standing_fence(self) -> Fence:
        """The record, which must be there by now.

        Raises:
            ConflictError: somebody has dropped it.
        """
        fence = self.fence
        if fence is None:
            raise ConflictError(
                f"there is no fence around tenant {self.tenant_id} of {self.environment} any more",
                hint="see `pumphouse tenant maintenance status`",
            )
        return fence

    def entries(
        self, *kinds: str, states: Iterable[EntryState] = frozenset(EntryState)
    ) -> Sequence[FenceEntry]:
        """The journal's entries of these kinds in these states, in the order in which they were written."""
        wanted = frozenset(states)
        found = self.tools.fences.fence_entries(self.environment, self.tenant_id, kinds=kinds or None)
        return [entry for entry in found if entry.state in wanted]

    def entry(self, kind: str, key: str) -> FenceEntry | None:
        """One entry."""
        found = self.tools.fences.fence_entries(self.environment, self.tenant_id, kinds=[kind], key=key)
        return next(iter(found), None)

    def intend(self, kind: str, key: str, data: Mapping[str, Any]) -> FenceEntry:
        """Write what is about to be changed; what was written at the first time stays, as a second look would see our own change."""
        known = self.entry(kind, key)
        entry = FenceEntry(kind, key, known.data if known else data, EntryState.INTENDED)
        self.tools.fences.put_entries(self.environment, self.tenant_id, [entry])
        return entry

    def mark(self, entry: FenceEntry, state: EntryState, **data: Any) -> None:
        """How far the change has come."""
        self.tools.fences.mark_entry(
            self.environment, self.tenant_id, entry.kind, entry.key, state, data or None
        )

    def patiently(
        self, ctx: StepContext, call: Callable[[], Any], what: str, *, deadline_s: float = 120.0
    ) -> Any:
        """Make an idempotent call until the cloud answers; its faults are endured until the deadline."""
        return ctx.poll(lambda: (call(),), what=what, deadline_s=deadline_s)[0]
