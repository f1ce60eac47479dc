"""`ports.probes.Prober` on a real OpenStack cloud; the toolbox makes one per environment. What is tried stands in probe_actions.py."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.fence import SERVICES, ProbeResult, Verdict
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.endpoints import MICROVERSION_SERVICE
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.probe_actions import Action, chosen, filled
from pumphouse.drivers.openstack.probe_cleaning import Cleaning
from pumphouse.drivers.openstack.probe_session import (
    SERVICE_NAMES,
    Answer,
    MemberLogin,
    MemberSession,
    Request,
)
from pumphouse.drivers.openstack.probe_targets import Targets
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock
from pumphouse.ports.probes import ProbeLogin, Prober

DENIED: Final = "denied"
LET_THROUGH: Final = "let through"
ALLOWED: Final = "allowed"

_ROUNDS: Final = 2
"""A service has several workers, and one may still go by its old policy: each write must come out as wanted as often."""
_BAIT: Final = "bait_image"
_MISSING: Final[Mapping[str, str]] = {
    "network_in_use": "network that a router or server uses",
    "subnet_in_use": "IPv4 subnet that a router or server uses",
    "router_in_use": "router with an interface",
    "router_port": "port of a router",
    "default_security_group": "default security group",
    "volume_in_use": "volume that is attached or has a snapshot",
    "floating_ip": "floating IP",
    "security_group": "security group",
}


class OpenStackProber(Prober):
    """Acts as members of tenants of one cloud, and looks and cleans up as administrator. Safe for use by many threads."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._clock = clock
        self._http = Transport(environment, settings, clock, identity)
        self._members = MemberSession(environment, settings, clock)
        self._targets = Targets(self._http)
        self._cleaning = Cleaning(self._http, clock)

    def close(self) -> None:
        """Give back threads and connections."""
        self._http.close()
        self._members.close()

    @override
    def log_in(
        self, user_id: str, password: str, tenant_id: str, *, label: str = "fresh token"
    ) -> MemberLogin:
        return self._members.log_in(user_id, password, tenant_id, label, self._http.project_id())

    @override
    def targets(self, tenant_id: str) -> Mapping[str, str]:
        return self._targets.choose(tenant_id)

    @override
    def needs_lock(self, targets: Mapping[str, str]) -> str:
        server_id = targets.get("server", "")
        return server_id if server_id and self._targets.is_locked(server_id) is False else ""

    @override
    def probe(
        self, login: ProbeLogin, tenant_id: str, targets: Mapping[str, str], *, mark: str, services: Sequence[str] | None = None,
        wanted: str = DENIED,
    ) -> Sequence[ProbeResult]:  # fmt: skip
        if not isinstance(login, MemberLogin):
            raise InvalidInputError("login", str(login), "not one of this driver", hint="log in with it")
        if wanted not in {DENIED, LET_THROUGH}:
            raise InvalidInputError("wanted", wanted, f"neither `{DENIED}` nor `{LET_THROUGH}`")
        tried = frozenset(SERVICES if services is None else services) & set(login.urls)
        known = {
            **targets,
            "mark": mark,
            "tenant": tenant_id,
            "user": login.user_id,
            "nowhere": self._clock.new_id(),
        }
        baited = wanted == DENIED and "glance" in tried
        run = _Run(self._http, self._members, self._targets, login, wanted, known)
        ended = False
        try:
            if baited:
                known[_BAIT] = self._bait(tenant_id, mark)
            results = run.all(frozenset(SERVICES if services is None else services))
            ended = True
        finally:
            if baited or run.may_have_made or not ended:
                self.clean(tenant_id, mark)
        return results

    @override
    def clean(self, tenant_id: str, mark: str) -> Sequence[str]:
        return self._cleaning.clean(tenant_id, mark)

    def _bait(self, tenant_id: str, mark: str) -> str:
        """An image of the tenant, without data, that may be deleted: there is no other image of which that is known."""
        body = {"name": mark, "owner": tenant_id, "disk_format": "raw", "container_format": "bare"}
        return str(self._http.write("image", "POST", "/images", json=body)["id"])


class _Run:
    """One sweep through the table."""

    def __init__(
        self,
        transport: Transport,
        members: MemberSession,
        targets: Targets,
        login: MemberLogin,
        wanted: str,
        known: dict[str, Any],
    ) -> None:
        self._http = transport
        self._members = members
        self._targets = targets
        self._login = login
        self._wanted = wanted
        self._known = known
        self._is_locked = False
        self.may_have_made = False
        """whether something with the mark may be there now"""

    def all(self, services: frozenset[str]) -> list[ProbeResult]:
        rows = list(chosen(set(self._known), services=services, traces=self._wanted == DENIED))
        dotted = {place for action, _ in rows for place in action.places() if "." in place}
        self._known.update(self._targets.attributes(dotted, self._known))
        self._is_locked = "server" in self._known and bool(self._targets.is_locked(self._known["server"]))
        return self._http.gather([partial(self._one, action, lacks) for action, lacks in rows])

    def _one(self, action: Action, lacks: frozenset[str]) -> ProbeResult:
        wanted = self._wanted if action.writes else ALLOWED
        blank = ProbeResult(
            action.service, action.name, action.writes, wanted, Verdict.NOT_TRIED, login=self._login.label
        )
        reason = self._reason_not_to(action, lacks)
        if reason:
            return replace(blank, detail=reason)
        result = blank
        for _ in range(_ROUNDS if action.writes else 1):
            answer = self._members.send(self._login, self._request(action))
            if (
                action.method == "POST"
                and "mark" in action.places()
                and (answer.is_fault or answer.status < 300)
            ):
                self.may_have_made = True
            result = self._judged(blank, action, answer)
            if result.verdict is not Verdict.AS_WANTED:
                break
        return result

    def _reason_not_to(self, action: Action, lacks: frozenset[str]) -> str:
        if action.service not in self._login.urls:
            return f"the catalog has no endpoint of {action.service}"
        if lacks:
            return f"the tenant has no {_in_words(lacks)}"
        if not action.places() <= set(self._known):
            return f"the {_in_words(action.needs())} was deleted meanwhile"
        if action.writes and "admin" in self._login.roles:
            return "the login is an administrator's: locks and usage would not stop it"
        if action.locked and not self._is_locked:
            return "the server is not locked: it would be done"
        return ""

    def _request(self, action: Action) -> Request:
        version = ""
        service = SERVICE_NAMES[action.service]
        if action.microversion and service in MICROVERSION_SERVICE:
            version = self._http.endpoint(service).pick(action.microversion)
        return Request(
            action.service,
            action.method,
            filled(action.path, self._known),
            filled(action.body, self._known),
            version,
            action.content_type,
        )

    def _judged(self, blank: ProbeResult, action: Action, answer: Answer) -> ProbeResult:
        result = replace(blank, status=answer.status, verdict=Verdict.BROKEN)
        if _is_wanted(blank.wanted, answer.status):
            return replace(result, verdict=Verdict.AS_WANTED)
        if answer.status == 404 and action.method != "DELETE":
            gone = [kind for kind in action.needs() if self._targets.is_gone(kind, str(self._known[kind]))]
            if gone:
                return replace(
                    result, verdict=Verdict.NOT_TRIED, detail=f"the {_in_words(gone)} was deleted meanwhile"
                )
        return replace(result, detail=_explained(blank.wanted, answer))


def _is_wanted(wanted: str, status: int) -> bool:
    match wanted:
        case "denied":
            return status == 403
        case "allowed":
            return 200 <= status < 300
        case _:
            return 200 <= status < 500 and status not in {401, 403, 429}


def _explained(wanted: str, answer: Answer) -> str:
    if answer.status == 0:
        return f"no answer: {answer.said}"
    if answer.is_fault:
        return f"the service has a fault: {answer.said}"
    if answer.status == 401:
        return "the token itself is not accepted, which tells nothing about what it may do"
    if wanted == DENIED:
        return f"it was let through: {answer.said or 'done'}"
    return f"it was refused: {answer.said}"


def _in_words(kinds: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(_MISSING.get(kind, kind.replace("_", " ")) for kind in sorted(kinds))
