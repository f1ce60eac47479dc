"""An in-memory `ports.probes.Prober` with the real table of actions; used by the tests of workflows that put up, prove and lift fences.

`decide(attempt)` answers the HTTP status of each attempt, so that a test can model policy files, role swaps and token caches; where it
answers 200, a write that leaves no trace ends in 409 and one that does is kept in `made` until `clean`. By default roles decide
(`by_roles`). `roles_of(user_id, tenant_id)` says what a user has now, for instance `FakeTenants.may`. `journal` holds every changing
call in order. Faults as in tests/fakes/keystone.py: `fail("probe", CloudFaultError("..."))` raises once before the call has an effect
(`after=True`: the effect happens, the answer is lost), `before["clean"]` is called once ahead of that call, and `on_call` with
`NAME:before` and `NAME:after` around every call. Every answer can be pickled.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from typing_extensions import override

from pumphouse.domain.errors import CredentialsError
from pumphouse.domain.fence import SERVICES, ProbeResult, Verdict
from pumphouse.drivers.openstack.probe_actions import Action, chosen
from pumphouse.ports.clock import Clock
from pumphouse.ports.probes import ProbeLogin, Prober

WRITERS = frozenset({"member", "manager", "admin", "_member_"})
EVERYTHING: Mapping[str, str] = {
    kind: f"{kind}-1"
    for kind in (
        "server", "network", "network_in_use", "subnet", "subnet_in_use", "router", "router_in_use", "port", "router_port",
        "security_group", "default_security_group", "floating_ip", "volume", "volume_in_use", "attached_volume", "image",
        "visible_image",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FakeLogin(ProbeLogin):
    """A token: who, where, since when (the clock's monotonic seconds), and the roles that he had then."""

    user_id: str
    tenant_id: str
    roles: frozenset[str]
    since_s: float
    name: str = "fresh token"

    @property
    @override
    def label(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Attempt:
    """What `decide` is asked: `roles` are those of the user now, `token_roles` those when he logged in, `age_s` how long ago that was."""

    service: str
    action: str
    writes: bool
    tenant_id: str
    user_id: str
    roles: frozenset[str]
    token_roles: frozenset[str]
    age_s: float
    label: str


def by_roles(attempt: Attempt) -> int:
    """As a service that honours `reader`, and believes no token longer than its roles hold."""
    if not attempt.roles:
        return 401
    return 200 if not attempt.writes or attempt.roles & WRITERS else 403


class FakeProber(Prober):
    """One cloud's probes in memory."""

    def __init__(
        self,
        environment: str,
        clock: Clock,
        *,
        roles_of: Callable[[str, str], Iterable[str]] = lambda _user, _tenant: ("member", "reader"),
        is_locked: Callable[[str], bool] = lambda _server: True,
    ) -> None:
        self.environment = environment
        self.clock = clock
        self.roles_of = roles_of
        self.is_locked = is_locked
        self.decide: Callable[[Attempt], int] = by_roles
        self.things: dict[str, Mapping[str, str]] = {}
        """Tenant -> its targets; EVERYTHING where nothing is said."""
        self.made: dict[tuple[str, str], list[str]] = defaultdict(list)
        """(tenant, mark) -> what probes have left behind, until it is cleaned"""
        self.passwords: dict[str, str] = {}
        """User -> password; whoever has none here gets in with any."""
        self.attempts: list[Attempt] = []
        self.journal: list[tuple[str, str, str]] = []
        self.before: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self.on_call: Callable[[str], None] = lambda _point: None
        self.calls = 0
        self.lock = threading.RLock()
        self._faults: dict[str, list[tuple[Exception, bool]]] = defaultdict(list)

    def fail(self, call: str, error: Exception, *, times: int = 1, after: bool = False) -> None:
        self._faults[call] += [(error, after)] * times

    def close(self) -> None:
        """Nothing to give back."""

    @override
    def log_in(self, user_id: str, password: str, tenant_id: str, *, label: str = "fresh token") -> FakeLogin:
        with self._call("log_in", user_id, tenant_id):
            roles = frozenset(self.roles_of(user_id, tenant_id))
            if not roles or self.passwords.get(user_id, password) != password:
                raise CredentialsError(f"{self.environment} keystone: authentication was answered with 401")
            return FakeLogin(user_id, tenant_id, roles, self.clock.monotonic(), label)

    @override
    def targets(self, tenant_id: str) -> Mapping[str, str]:
        with self._call("targets", tenant_id):
            return dict(self.things.get(tenant_id, EVERYTHING))

    @override
    def needs_lock(self, targets: Mapping[str, str]) -> str:
        with self._call("needs_lock", targets.get("server", "")):
            server_id = targets.get("server", "")
            return server_id if server_id and not self.is_locked(server_id) else ""

    @override
    def probe(
        self, login: ProbeLogin, tenant_id: str, targets: Mapping[str, str], *, mark: str, services: Sequence[str] | None = None,
        wanted: str = "denied",
    ) -> Sequence[ProbeResult]:  # fmt: skip
        assert isinstance(login, FakeLogin)
        with self._call("probe", tenant_id, wanted):
            available = {*targets, "bait_image"}
            of = frozenset(SERVICES if services is None else services)
            return [
                self._try(login, tenant_id, targets, action, lacks, mark, wanted)
                for action, lacks in chosen(available, services=of, traces=wanted == "denied")
            ]

    @override
    def clean(self, tenant_id: str, mark: str) -> Sequence[str]:
        with self._call("clean", tenant_id, mark):
            return self.made.pop((tenant_id, mark), [])

    def _try(
        self, login: FakeLogin, tenant_id: str, targets: Mapping[str, str], action: Action, lacks: frozenset[str], mark: str, wanted: str
    ) -> ProbeResult:  # fmt: skip
        wanted = wanted if action.writes else "allowed"

        def result(verdict: Verdict, status: int = 0, detail: str = "") -> ProbeResult:
            return ProbeResult(
                action.service, action.name, action.writes, wanted, verdict, status, login.label, detail
            )

        if lacks:
            return result(Verdict.NOT_TRIED, detail=f"the tenant has no {', '.join(sorted(lacks))}")
        if action.locked and not self.is_locked(targets["server"]):
            return result(Verdict.NOT_TRIED, detail="the server is not locked: it would be done")
        attempt = Attempt(
            action.service, action.name, action.writes, tenant_id, login.user_id,
            frozenset(self.roles_of(login.user_id, tenant_id)), login.roles,
            self.clock.monotonic() - login.since_s, login.label,
        )  # fmt: skip
        self.attempts.append(attempt)
        status = self.decide(attempt)
        if status == 200 and action.writes:
            status = 201 if action.traces else 409
            if action.traces and action.method == "POST":
                self.made[tenant_id, mark].append(f"{action.service} {action.name}")
        wants = {
            "denied": status == 403,
            "allowed": status == 200,
            "let through": status not in {401, 403} and 200 <= status < 500,
        }
        if wants[wanted]:
            return result(Verdict.AS_WANTED, status)
        return result(Verdict.BROKEN, status, f"answered with {status}")

    @contextmanager
    def _call(self, name: str, subject: str = "", detail: str = "") -> Iterator[None]:
        with self.lock:
            self.calls += 1
            self.on_call(f"{name}:before")
            for hook in self.before.pop(name, []):
                hook()
            error, after = self._faults[name].pop(0) if self._faults[name] else (None, False)
            if error is not None and not after:
                raise error
            yield
            if name in {"probe", "clean"}:
                self.journal.append((name, subject, detail))
            self.on_call(f"{name}:after")
            if error is not None:
                raise error
