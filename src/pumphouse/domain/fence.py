"""The fence around a tenant (its maintenance mode): its record, its journal, and the proof that it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class FenceState(StrEnum):
    """How far a fence stands."""

    ENTERING = "entering"
    """being put up, or it could not be: some of it may be in force"""
    ON = "on"
    """put up and proven"""
    LEAVING = "leaving"
    """being lifted"""


class Means(StrEnum):
    """How a service is kept from writing for a tenant, the strongest first."""

    POLICY = "policy"
    """an override of the service's oslo.policy rules: on the next request, tokens that are cached included"""
    ROLES = "roles"
    """`reader` instead of the tenant's roles, where the service honours `reader`; old tokens go on until its token cache forgets them"""
    LOCKS = "locks"
    """Nova's admin lock on each server: its life cycle only"""
    QUOTAS = "quotas"
    """quotas pinned to what is used: nothing new, but everything else"""


STRONG = frozenset({Means.POLICY, Means.ROLES})
"""Means that deny every write; the others are a belt."""

SERVICES = ("keystone", "nova", "neutron", "cinder", "glance")
"""The services that a fence knows, by the names of their programs."""

SERVICE_TYPES: Mapping[str, str] = {
    "keystone": "identity",
    "nova": "compute",
    "neutron": "network",
    "cinder": "volume",
    "glance": "image",
}
"""Their names in the catalog."""


LOCK_REASON = "pumphouse: its tenant is in maintenance"
PROBE_LOCK_REASON = "pumphouse: it is probed for a moment"
LOCK_REASONS = frozenset({LOCK_REASON, PROBE_LOCK_REASON})
"""With these Pumphouse itself locks servers: a lock of this kind is not the tenant's, and does not move with a server."""

LOCK_KIND, UNLOCK_KIND, VERIFY_KIND = "lock_tenant", "unlock_tenant", "verify_tenant"
"""The kinds of the operations that put a fence up, lift it, and prove it."""

FENCE_KINDS = frozenset({LOCK_KIND, UNLOCK_KIND, VERIFY_KIND})

PROOF_MEMORY = "proof"
"""Under this name these operations remember their last table of probes (a list of ProbeResult as JSON-safe mappings), so that it can be shown when
the fence is gone, too."""


def tenant_lock(environment: str, tenant_id: str) -> str:
    """The lock that two operations on one tenant exclude each other by."""
    return f"tenant:{environment}/{tenant_id}"


@dataclass(frozen=True, slots=True)
class Fence:
    """The record of a fence. There is one for a tenant in maintenance and none otherwise.

    `means` names for each service what holds it; `until` is when it lifts itself; `proof` is the last table of probes, JSON-safe.
    """

    environment: str
    tenant_id: str
    tenant_name: str
    domain_id: str
    state: FenceState
    reason: str
    since: datetime
    operation_id: str
    actor: str = ""
    until: datetime | None = None
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proof: tuple[Mapping[str, Any], ...] = ()
    proven_at: datetime | None = None

    @property
    def open_services(self) -> tuple[str, ...]:
        """Those that no strong means holds: its users may go on writing there."""
        return tuple(service for service, names in self.means.items() if not STRONG & set(names))


class EntryState(StrEnum):
    """How far one change of the journal has come."""

    INTENDED = "intended"
    """written before it is made: after a crash nobody knows whether it was"""
    DONE = "done"
    RESTORING = "restoring"
    """about to be put back: no longer counted as standing, but still to be restored"""
    RESTORED = "restored"
    DRIFTED = "drifted"
    """somebody changed it meanwhile: it was left as it is now"""


@dataclass(frozen=True, slots=True)
class FenceEntry:
    """One change that a fence makes, written before it is made. `key` names it within the fence; `data` holds what is needed to put it back."""

    kind: str
    """snapshot, assessed (a role tried out), added (a grant of ours), withdrawn (a grant of theirs), lock, quota, policy, canary, probe-lock"""
    key: str
    data: Mapping[str, Any]
    state: EntryState = EntryState.INTENDED


class Verdict(StrEnum):
    """What a probe showed."""

    AS_WANTED = "as wanted"
    BROKEN = "broken"
    """a write went through, or a read was refused"""
    NOT_TRIED = "not tried"
    """there was nothing to try it on; the detail says why"""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One attempt as a member of the tenant. `status` is the HTTP status (0: no answer)."""

    service: str
    action: str
    writes: bool
    wanted: str
    """`denied`, `allowed`, or `let through` (after a fence is lifted: anything but 403)"""
    verdict: Verdict
    status: int = 0
    login: str = ""
    """whose token: `fresh token`, `token from before`"""
    detail: str = ""
