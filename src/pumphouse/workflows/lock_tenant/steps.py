"""The two steps that every mechanism shares: make its changes, and put them back. Used by both workflows, forwards and for undo."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.fence import EntryState, FenceEntry
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item
from pumphouse.engine.step import ItemStep, NewItem, Skipped, StepContext
from pumphouse.workflows.lock_tenant.by_locks import ServerLocks
from pumphouse.workflows.lock_tenant.by_policy import PolicyOverride
from pumphouse.workflows.lock_tenant.by_quotas import PinnedQuotas
from pumphouse.workflows.lock_tenant.by_roles import NothingButReader, ReaderForAll
from pumphouse.workflows.lock_tenant.canary import CANARY, MARK, PROBE_LOCK
from pumphouse.workflows.lock_tenant.findings import names
from pumphouse.workflows.lock_tenant.mechanism import Drift, Mechanism
from pumphouse.workflows.lock_tenant.scene import TO_RESTORE, Scene


class Apply(ItemStep):
    """Journal, change, confirm, for each change of one mechanism."""

    mechanism: ClassVar[Mechanism]

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        if self._services(Scene.of(ctx)):
            return None
        return Skipped("not among the means that were chosen for this cloud")

    @override
    def parallel(self, ctx: StepContext) -> int:
        return int(ctx.params["parallel"])

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        scene = Scene.of(ctx)
        planned = self.mechanism.plan(scene, self._services(scene))
        return [NewItem(a.key, a.name, self.mechanism.kind, a.data) for a in planned]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        scene = Scene.of(ctx)
        known = scene.entry(self.mechanism.kind, item.key)
        # an earlier fence that still stands made it: our undo must not take it away
        before = known is not None and known.state is EntryState.DONE and not item.attempts > 1
        entry = scene.intend(self.mechanism.kind, item.key, item.data)
        self.mechanism.apply(scene, entry)
        scene.mark(entry, EntryState.DONE)
        return {"stood_before": before}

    @override
    def do(self, ctx: StepContext) -> None:
        """All of it is looked at again, from the clouds."""
        scene = Scene.of(ctx)
        wrong = self.mechanism.verify(scene, scene.entries(self.mechanism.kind, states=[EntryState.DONE]))
        if wrong:
            raise ConflictError(
                f"it was changed, but does not stand: {names(wrong)}", hint="look who changes it, then retry"
            )

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        scene = Scene.of(ctx)
        entry = scene.entry(self.mechanism.kind, item.key)
        if entry is not None and entry.state in TO_RESTORE and not item.result.get("stood_before"):
            put_back(ctx, scene, self.mechanism, entry)

    def _services(self, scene: Scene) -> Sequence[str]:
        fence = scene.standing_fence()
        return [service for service, means in fence.means.items() if self.mechanism.means in means]


class Restore(ItemStep):
    """Put back what the journal holds of one mechanism, the last first; what somebody changed meanwhile is left and reported."""

    mechanism: ClassVar[Mechanism]

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        if Scene.of(ctx).entries(self.mechanism.kind, states=TO_RESTORE):
            return None
        return Skipped("nothing to put back")

    @override
    def parallel(self, ctx: StepContext) -> int:
        return int(ctx.params["parallel"])

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        entries = Scene.of(ctx).entries(self.mechanism.kind, states=TO_RESTORE)
        return [NewItem(e.key, _name(e), self.mechanism.kind, e.data) for e in reversed(entries)]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        scene = Scene.of(ctx)
        entry = scene.entry(self.mechanism.kind, item.key)
        if entry is None or entry.state not in TO_RESTORE:
            return Skipped("it is put back already")
        drift = put_back(ctx, scene, self.mechanism, entry)
        return {"drift": drift.message} if drift else {}

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        """The fence goes up again: the same change is made once more."""
        scene = Scene.of(ctx)
        entry = scene.intend(self.mechanism.kind, item.key, item.data)
        self.mechanism.apply(scene, entry)
        scene.mark(entry, EntryState.DONE)


def put_back(ctx: StepContext, scene: Scene, mechanism: Mechanism, entry: FenceEntry) -> Drift | None:
    """Restore one change and mark it."""
    scene.mark(entry, EntryState.RESTORING)
    drift = mechanism.restore(scene, entry)
    scene.mark(
        entry,
        EntryState.DRIFTED if drift else EntryState.RESTORED,
        **({"drift": drift.message} if drift else {}),
    )
    if drift is not None:
        ctx.emit("tenant.drift", drift.message, severity=Severity.WARNING, environment=scene.environment)
    return drift


def _name(entry: FenceEntry) -> str:
    if "role_name" in entry.data:
        holder = entry.data["holder_name"] or entry.data["holder_id"]
        return f"{entry.data['role_name']} of {entry.data['holder_kind']} {holder}"
    return str(entry.data.get("name", entry.key))


class OverridePolicies(Apply):
    """By policy."""

    name: ClassVar[str] = "override_policies"
    title: ClassVar[str] = "Deny writing in the services' policies"
    mechanism: ClassVar[Mechanism] = PolicyOverride()


class GiveReader(Apply):
    """By roles, first half."""

    name: ClassVar[str] = "give_reader"
    title: ClassVar[str] = "Give reader to those who could read"
    mechanism: ClassVar[Mechanism] = ReaderForAll()


class WithdrawRoles(Apply):
    """By roles, second half."""

    name: ClassVar[str] = "withdraw_roles"
    title: ClassVar[str] = "Withdraw the other roles"
    mechanism: ClassVar[Mechanism] = NothingButReader()


class LockServers(Apply):
    """By locks."""

    name: ClassVar[str] = "lock_servers"
    title: ClassVar[str] = "Lock the servers"
    mechanism: ClassVar[Mechanism] = ServerLocks()


class PinQuotas(Apply):
    """By quotas."""

    name: ClassVar[str] = "pin_quotas"
    title: ClassVar[str] = "Pin the quotas"
    mechanism: ClassVar[Mechanism] = PinnedQuotas()


class FreeQuotas(Restore):
    """Of quotas."""

    name: ClassVar[str] = "free_quotas"
    title: ClassVar[str] = "Set the quotas back"
    mechanism: ClassVar[Mechanism] = PinnedQuotas()


class UnlockServers(Restore):
    """Of locks."""

    name: ClassVar[str] = "unlock_servers"
    title: ClassVar[str] = "Unlock the servers that we locked"
    mechanism: ClassVar[Mechanism] = ServerLocks()


class GrantRolesAgain(Restore):
    """Of roles; before the readers go, so that nobody is without access in between."""

    name: ClassVar[str] = "grant_roles_again"
    title: ClassVar[str] = "Grant again what was withdrawn"
    mechanism: ClassVar[Mechanism] = NothingButReader()


class TakeReader(Restore):
    """Of roles."""

    name: ClassVar[str] = "take_reader"
    title: ClassVar[str] = "Take the readers that we gave"
    mechanism: ClassVar[Mechanism] = ReaderForAll()


class LiftPolicies(Restore):
    """Of policies."""

    name: ClassVar[str] = "lift_policies"
    title: ClassVar[str] = "Lift the policy overrides"
    mechanism: ClassVar[Mechanism] = PolicyOverride()


MECHANISMS: Sequence[Mechanism] = (
    PolicyOverride(),
    ReaderForAll(),
    NothingButReader(),
    ServerLocks(),
    PinnedQuotas(),
)
CHANGES = tuple(mechanism.kind for mechanism in MECHANISMS)
"""Kinds of entries that are changes of the tenant."""
CHANGING = (*CHANGES, CANARY, PROBE_LOCK, MARK)
"""Kinds of entries that have to be put back before a fence may be forgotten."""
