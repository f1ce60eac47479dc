"""A short-lived member of the tenant, as whom the fence is tried. His name is in the journal before he is made, so that he is removed after a crash, too."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from pumphouse.domain.fence import PROBE_LOCK_REASON, EntryState, FenceEntry, ProbeResult, Verdict
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.engine.step import StepContext
from pumphouse.ports.probes import ProbeLogin
from pumphouse.workflows.lock_tenant.by_roles import NothingButReader, ReaderForAll, read
from pumphouse.workflows.lock_tenant.scene import TO_RESTORE, Scene

CANARY, PROBE_LOCK, MARK = "canary", "probe-lock", "probe-mark"
PREFIX = "pumphouse-probe-"


@dataclass(slots=True)
class Canary:
    """One per run of an operation; tokens and password live in memory only. After a crash there is a new password, and no token from before."""

    user_id: str = ""
    password: str = field(default="", repr=False)
    before: ProbeLogin | None = field(default=None, repr=False)

    def make(self, ctx: StepContext, scene: Scene, role_id: str, *, label: str = "member") -> None:
        """Make the user and give him the role on the tenant; again after a crash."""
        name = f"{PREFIX}{label}-{ctx.operation.id[:8]}"
        scene.intend(CANARY, name, {"role": role_id})
        self.password = f"{secrets.token_urlsafe(24)}-aA1"
        tenants = scene.tenants
        self.user_id = scene.patiently(
            ctx, lambda: tenants.make_user(name, self.password), f"Keystone to make the user {name}"
        )
        entry = scene.entry(CANARY, name)
        if entry is not None:
            scene.mark(entry, EntryState.DONE, user_id=self.user_id)
        grant = Grant(
            HolderKind.USER, self.user_id, role_id, Place.PROJECT, scene.tenant_id, holder_name=name
        )
        scene.patiently(ctx, lambda: tenants.add_grant(grant), f"Keystone to give {name} his role")

    def log_in(self, ctx: StepContext, scene: Scene, label: str = "fresh token") -> ProbeLogin:
        """A new token."""
        login: ProbeLogin = scene.patiently(
            ctx,
            lambda: scene.prober.log_in(self.user_id, self.password, scene.tenant_id, label=label),
            "Keystone to give the probe's user a token",
        )
        return login


def try_all(
    ctx: StepContext, scene: Scene, logins: Sequence[ProbeLogin], *, wanted: str = "denied", services: Sequence[str] | None = None
) -> Sequence[ProbeResult]:  # fmt: skip
    """Probe with each login. The server that is tried on is locked meanwhile, and what was wrongly let through is removed again."""
    mark = f"{PREFIX}{ctx.operation.id[:8]}"
    prober = scene.prober
    targets = scene.patiently(
        ctx, lambda: prober.targets(scene.tenant_id), "the clouds to show what can be tried on"
    )
    scene.intend(MARK, mark, {})
    lock = prober.needs_lock(targets)
    try:
        if lock:
            scene.intend(PROBE_LOCK, lock, {})
            scene.patiently(
                ctx, lambda: scene.tenants.lock_server(lock, PROBE_LOCK_REASON), "Nova to lock a server"
            )
        results: list[ProbeResult] = []
        for login in logins:
            results += prober.probe(
                login, scene.tenant_id, targets, mark=mark, services=services, wanted=wanted
            )
        return results
    finally:
        clear_traces(ctx, scene)


def clear_traces(ctx: StepContext, scene: Scene) -> None:
    """Unlock what was locked for a probe and remove what was wrongly made; safe to repeat."""
    for entry in scene.entries(PROBE_LOCK, states=TO_RESTORE):
        found = scene.patiently(
            ctx, partial(scene.tenants.tenant_server, entry.key), "Nova to show the probed server"
        )
        if found is not None and found.locked and found.locked_reason in ("", PROBE_LOCK_REASON):
            scene.patiently(
                ctx,
                partial(scene.tenants.unlock_server, entry.key),
                "Nova to unlock the probed server",
            )
        scene.mark(entry, EntryState.RESTORED)
    for entry in scene.entries(MARK, states=TO_RESTORE):
        removed = scene.patiently(
            ctx, partial(scene.prober.clean, scene.tenant_id, entry.key), "the clouds to remove what a probe made"
        )  # fmt: skip
        if removed:
            ctx.progress(f"a probe was let through, what it made is removed: {', '.join(removed)}")
        scene.mark(entry, EntryState.RESTORED)


def remove_all(ctx: StepContext, scene: Scene) -> None:
    """Remove every probe's user of this fence, and what the journal holds about his roles; safe to repeat."""
    clear_traces(ctx, scene)
    for entry in scene.entries(CANARY, states=TO_RESTORE):
        users = scene.patiently(
            ctx, partial(scene.tenants.find_users, entry.key), "Keystone to list the probe's users"
        )
        for user_id, name in users.items():
            if name != entry.key:
                continue
            _forget_roles(scene, user_id)
            scene.patiently(ctx, partial(scene.tenants.delete_user, user_id), f"Keystone to delete {name}")
        if known := entry.data.get("user_id"):
            _forget_roles(scene, str(known))
        scene.mark(entry, EntryState.RESTORED)


def canaries(scene: Scene) -> frozenset[str]:
    """The ids of the users of this fence's probes."""
    return frozenset(str(entry.data.get("user_id", "")) for entry in scene.entries(CANARY))


def broken(results: Sequence[ProbeResult], services: Sequence[str] | None = None) -> Sequence[ProbeResult]:
    """Those that show a hole, in these services or in all."""
    return [r for r in results if r.verdict is Verdict.BROKEN and (services is None or r.service in services)]


def _forget_roles(scene: Scene, user_id: str) -> None:
    """They go with him; nobody shall try to put them back."""
    entries: Sequence[FenceEntry] = scene.entries(ReaderForAll.kind, NothingButReader.kind, states=TO_RESTORE)
    for entry in entries:
        if read(entry.data).holder_id == user_id:
            scene.mark(entry, EntryState.RESTORED)
