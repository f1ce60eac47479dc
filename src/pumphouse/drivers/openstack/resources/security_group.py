"""Security groups and their rules, which are a kind of their own since they may refer to any group; table.py opens it.

Fields of a security_group:
    description: str
    stateful: bool
    tags: [str], sorted
Every project has one group `default` that Neutron makes when groups of the project are listed (get_security_groups in neutron/db/securitygroups_db.py), so it is
always among the candidates. Being shared is an `rbac_share`.
Fields of security_group_rules (id: the group's; made by `update`):
    security_group: ref security_group
    rules: [{"direction", "ethertype", "protocol": str | None, "port_range_min", "port_range_max": int | None, "remote_ip_prefix": CIDR | None,
        "remote_group": ref security_group | None, "remote_address_group": ref address_group | None, "description": str}], sorted, in Neutron's normal form
        (_make_canonical_* there: the whole range of ports is no range, ICMP of IPv6 is `ipv6-icmp`)
Notes: shared, created_at, updated_at, revision_number; `count` of rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.resources.batching import Batcher
from pumphouse.drivers.openstack.resources.neutron_kind import (
    IDS_AT_ONCE,
    NeutronKind,
    Row,
    owner_of,
    picked,
)
from pumphouse.drivers.openstack.resources.pacing import Pace
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.transport import Params

_RULES_AT_ONCE: Final = 50
"""Rules of one request: the backend is told of them one after the other while we wait for its answer, and Neutron 2023.1 with OVN reads the whole group again for each
of them: a second each where a group has a thousand.
"""
_GROUPS_AT_ONCE: Final = 32
_PLAIN: Final = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "description",
)
_ICMP_OF_IPV6: Final = {"icmp": "ipv6-icmp", "icmpv6": "ipv6-icmp", "1": "58"}
_ALL_PORTS: Final = (1, 65535)


_HEAD: Final = (
    "id", "name", "description", "stateful", "tags", "project_id", "tenant_id", "shared", "created_at", "updated_at", "revision_number",
)  # fmt: skip
_WHOLE: Final = {"fields": (*_HEAD, "security_group_rules")}
"""Asked for by both kinds where all of a tenant are read, so that an inventory sends it once."""


class SecurityGroups(NeutronKind):
    """Security groups without their rules."""

    kind = ResourceKind.SECURITY_GROUP
    path, one, many = "/security-groups", "security_group", "security_groups"
    bulk = 50
    filters: ClassVar[Params] = {"fields": _HEAD}
    of_all: ClassVar[Params] = _WHOLE
    noted = ("shared",)

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {"description": row.get("description") or "", "stateful": bool(row.get("stateful", True))}

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return picked(fields, "description", "stateful")


class SecurityGroupRules(NeutronKind):
    """All rules of one group, by the group's id."""

    kind = ResourceKind.SECURITY_GROUP_RULES
    path, one, many = "/security-groups", "security_group", "security_groups"
    tagged = False
    filters: ClassVar[Params] = {"fields": ("id", "name", "project_id", "tenant_id", "security_group_rules")}
    of_all: ClassVar[Params] = _WHOLE

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self._pace = Pace(reach.clock, _GROUPS_AT_ONCE)
        self._written: set[str] = set()
        self._proofs: Batcher[str, list[Row]] = Batcher(
            reach.clock, self._by_ids, at_most=IDS_AT_ONCE, at_first=IDS_AT_ONCE, coming=self._pace.is_busy
        )

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """What was just written is read back together with what is still being written: each read would make Neutron slower at that."""
        if len(ids) == 1 and ids[0] in self._written:
            self._written.discard(ids[0])
            return self._resources(self._proofs.ask(ids[0]))
        return super().named(ids)

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        group = str(plain(fields["security_group"]))
        self.update(group, fields)
        return group

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Neutron has put rules into a new group by itself: those that are wanted stay, the others go first, as a rule may exclude its like."""
        groups = self._known.ask(id)
        if not groups:
            raise NotFoundError("security group", id)
        missing = [_sent(rule) for rule in plain(fields)["rules"]]
        unwanted = []
        for row in groups[0]["security_group_rules"]:
            there = _sent(plain(_rule(row)))
            if there in missing:
                missing.remove(there)
            else:
                unwanted.append(str(row["id"]))
        self._http.gather([partial(self._drop, each) for each in unwanted])
        own = {"security_group_id": id, "project_id": owner_of(groups[0])}
        for at in range(0, len(missing), _RULES_AT_ONCE):
            body = [{**rule, **own} for rule in missing[at : at + _RULES_AT_ONCE]]
            with self._pace.turn(len(body)):
                self._write("POST", "/security-group-rules", {"security_group_rules": body})
        self._written.add(id)

    @override
    def delete(self, id: str) -> None:
        """They go with their group; those of a group that stays, stay."""

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return []

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "security_group": ref(ResourceKind.SECURITY_GROUP, row["id"]),
            "rules": sorted(map(_rule, row.get("security_group_rules") or []), key=str),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    @override
    def _resource(self, row: Row) -> Resource:
        made = super()._resource(row)
        return replace(made, notes={**made.notes, "count": len(made.fields["rules"])})

    def _drop(self, rule_id: str) -> bool:
        return self._http.delete("network", f"/security-group-rules/{rule_id}")


def _rule(row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule in the form in which a Neutron of today would keep it."""
    rule = {name: row.get(name) for name in _PLAIN}
    rule["description"] = rule["description"] or ""
    if rule["ethertype"] == "IPv6":
        rule["protocol"] = _ICMP_OF_IPV6.get(str(rule["protocol"]), rule["protocol"])
    if (rule["port_range_min"], rule["port_range_max"]) == _ALL_PORTS:
        rule["port_range_min"] = rule["port_range_max"] = None
    rule["remote_group"] = ref_or_none(ResourceKind.SECURITY_GROUP, row.get("remote_group_id"))
    rule["remote_address_group"] = ref_or_none(ResourceKind.ADDRESS_GROUP, row.get("remote_address_group_id"))
    return rule


def _sent(rule: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        **picked(rule, *_PLAIN),
        "remote_group_id": rule["remote_group"],
        "remote_address_group_id": rule["remote_address_group"],
    }
    return {name: value for name, value in body.items() if value is not None}
