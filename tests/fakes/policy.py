"""Services with policies in memory; used by tests of the tenant's fence. Every call is one of the cloud's calls, so that crashes and faults reach it.

`fail("policy.write", error)` of the cloud raises before the file changes, `after=True` behind it; `cloud.before["policy.write"]` is called ahead
(somebody else writes: `put`). The rules are few and of a simple language: a name with `get` reads; our text fences whom it names.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import yaml
from typing_extensions import override

from pumphouse.domain.errors import ConflictError, InvalidInputError, NotFoundError
from pumphouse.ports.policy import Persona, PolicyHost, PolicyView, RegisteredRule
from tests.fakes.world import World

OPERATORS = frozenset({"admin", "service"})
MAY_WRITE = "pumphouse:may_write"


def simple_rules(service: str) -> tuple[RegisteredRule, ...]:
    """What a member may write and a reader may read."""
    return (
        RegisteredRule("member", "role:member"),
        RegisteredRule(f"{service}:create", "rule:member", ("",), ("POST",), ("/things",)),
        RegisteredRule(f"{service}:delete", "rule:member", (), ("DELETE",), ("/things/{id}",)),
        RegisteredRule(f"{service}:get", "", (), ("GET",), ("/things",)),
    )


class FakePolicyHost(PolicyHost):
    """`texts` are the files in place, by service; `legacy` the services that still OR in the former defaults."""

    def __init__(
        self, world: World, services: Sequence[str] = ("keystone", "nova", "neutron", "cinder", "glance")
    ) -> None:
        self.world = world
        self.names = tuple(services)
        self.texts: dict[str, str] = {}
        self.overrides: dict[str, dict[str, str]] = {}
        self.legacy: set[str] = set()
        self.writes: list[tuple[str, str]] = []
        """service and text, in the order in which they came into force"""

    @override
    def services(self) -> Sequence[str]:
        with self.world.call("policy.services"):
            return self.names

    @override
    def view(self, service: str) -> PolicyView:
        with self.world.call("policy.view", service):
            self._known(service)
            text = self.texts.get(service, "")
            return PolicyView(
                service=service,
                rules=simple_rules(service),
                overrides=dict(self.overrides.get(service, {})),
                new_defaults=service not in self.legacy,
                ours=text,
                version=_version(text),
                token_cache_s=300,
                where=f"/etc/{service}/policy.d/zz-pumphouse.yaml",
                credentials=("project_name", "project_domain_id")
                if service == "neutron"
                else ("project_id",),
                keeps_removed=service == "glance",
            )

    @override
    def judge(
        self, service: str, personas: Sequence[Persona], text: str | None = None
    ) -> Mapping[str, Mapping[str, bool]]:
        with self.world.call("policy.judge", service):
            self._known(service)
            ours = _parsed(self.texts.get(service, "") if text is None else text)
            return {
                p.name: {r.name: self._passes(p, r, ours) for r in simple_rules(service)} for p in personas
            }

    @override
    def write(self, service: str, text: str, *, expected: str) -> str:
        with self.world.call("policy.write", service, _version(text), writes=True):
            self._known(service)
            _parsed(text)
            present = self.texts.get(service, "")
            if present != text:
                if _version(present) != expected:
                    raise ConflictError(f"the policy of {service} has changed")
                self.put(service, text)
            return _version(text)

    def put(self, service: str, text: str) -> None:
        """As somebody else would."""
        self.texts.pop(service, None)
        if text:
            self.texts[service] = text
        self.writes.append((service, text))

    def fenced(self, service: str, project_id: str) -> bool:
        """Whether the file in place closes writing rules to this tenant."""
        ours = _parsed(self.texts.get(service, ""))
        closed = any(isinstance(check, str) and f"rule:{MAY_WRITE}" in check for check in ours.values())
        return closed and project_id in str(ours.get("pumphouse:fenced", ""))

    def _passes(self, persona: Persona, rule: RegisteredRule, ours: Mapping[str, object]) -> bool:
        closed = f"rule:{MAY_WRITE}" in str(ours.get(rule.name, ""))
        works_in_fenced = persona.project_id in str(ours.get("pumphouse:fenced", ""))
        if closed and works_in_fenced and not OPERATORS & {*persona.roles, *persona.service_roles}:
            return False
        open_to_all = not rule.check or (bool(rule.deprecated) and rule.name.split(":")[0] in self.legacy)
        return open_to_all or bool({"member", "admin"} & set(persona.roles))

    def _known(self, service: str) -> None:
        if service not in self.names:
            raise NotFoundError("service with a policy", service)


@lru_cache(maxsize=64)
def _parsed(text: str) -> Mapping[str, object]:
    if not text:
        return {}
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInputError("policy", text, "it is not a mapping of rules to checks", hidden=True)
    return found


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if text else "absent"
