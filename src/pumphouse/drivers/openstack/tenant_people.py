"""What every user has in a tenant in the end, and why; and everything about its people at once. tenants.py calls it.

Keystone's `effective` list is the truth about who has which role, and names members of groups without a request per group. Where a
role comes from follows from the stored assignments on the tenant, the projects above it and its domain: the links of an effective row
name its place and holder, but for a chain of implied roles (admin -> member -> reader) an assignment that does not exist.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.tenant import EffectiveRole, Grant, HolderKind, Place, Source, Tenant, TenantPeople
from pumphouse.drivers.openstack.tenant_credentials import Credentials
from pumphouse.drivers.openstack.tenant_federation import federated_words
from pumphouse.drivers.openstack.tenant_grants import SYSTEM_ID, Grants, grant_of
from pumphouse.drivers.openstack.tenant_projects import Lineage, Projects, keystone_rows
from pumphouse.drivers.openstack.transport import Rows, Transport

_ASSIGNMENT: Final = re.compile(
    r"(?P<inherit>/OS-INHERIT)?/(?P<place>project|domain)s/(?P<place_id>[^/]+)"
    r"/(?P<kind>user|group)s/(?P<holder_id>[^/]+)/roles/(?P<role_id>[^/]+)"
)
Implied = Mapping[str, frozenset[str]]


class _Path(NamedTuple):
    """How an assignment reaches a user: its place and holder, without the role."""

    place: Place
    place_id: str
    kind: HolderKind
    holder_id: str
    inherited: bool


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    name: str
    domain: str


@dataclass
class _Reading:
    """All that was read for one tenant."""

    lineage: Lineage
    on_tenant: list[Grant]
    above: list[Grant]
    """stored on the projects above and on the domain"""
    system: list[Grant]
    effective: Rows
    implied: Implied
    members: Mapping[str, list[_Person]] = field(default_factory=dict)
    """of the groups that hold roles on the domain or the system"""
    people: Mapping[str, _Person] = field(default_factory=dict)
    """the users that hold roles on the domain or the system themselves"""


class People:
    """Roles of users in tenants."""

    def __init__(self, transport: Transport, projects: Projects, grants: Grants) -> None:
        self._http = transport
        self._projects = projects
        self._grants = grants
        self._credentials = Credentials(transport)

    def roles(self) -> dict[str, str]:
        """Name -> id of the roles of no domain."""
        rows = keystone_rows(self._http, "/roles", "roles")
        return {str(row["name"]): str(row["id"]) for row in rows if not row.get("domain_id")}

    def implied(self) -> dict[str, frozenset[str]]:
        """Role id -> ids of what it implies, directly and through others."""
        rows = self._http.get("identity", "/role_inferences")["role_inferences"]
        direct = {str(row["prior_role"]["id"]): {str(role["id"]) for role in row["implies"]} for row in rows}
        return {role: frozenset(_closure(role, direct)) for role in direct}

    def effective(self, tenant_id: str) -> list[EffectiveRole]:
        """By user and role."""
        return _explained(self._read(tenant_id))

    def all_about(self, tenant_id: str) -> TenantPeople:
        """Everything. The requests: about ten, one per project above and per group with a role on domain or system, one per user with a role
        in the tenant for his application credentials, one per trust for its roles.
        """
        reading = self._read(tenant_id)
        roles = _explained(reading)
        users = sorted({role.user_id for role in roles if not role.sources & {Source.DOMAIN, Source.SYSTEM}})
        credentials, gaps = self._credentials, list[str]()
        app_credentials = credentials.application_credentials(users, tenant_id, gaps)
        trusts = credentials.trusts(tenant_id, gaps)
        ec2 = credentials.ec2(users, tenant_id, gaps)
        federated = federated_words(
            self._http, reading.lineage.tenant, reading.on_tenant + reading.above, gaps
        )
        return TenantPeople(
            tenant=reading.lineage.tenant,
            grants=tuple(reading.on_tenant),
            roles=tuple(roles),
            application_credentials=tuple(app_credentials),
            trusts=tuple(trusts),
            ec2_credentials=ec2,
            federated=tuple(federated),
            gaps=tuple(gaps),
        )

    def _read(self, tenant_id: str) -> _Reading:
        lineage = self._projects.lineage(tenant_id)
        tenant = lineage.tenant
        rows = self._grants.rows
        above = [partial(rows, Place.PROJECT, each) for each in lineage.ancestors]
        above.append(partial(rows, Place.DOMAIN, tenant.domain_id))
        calls: list[Callable[[], Any]] = [
            self.implied,
            partial(rows, Place.PROJECT, tenant.id, effective=True),
            partial(rows, Place.PROJECT, tenant.id),
            partial(rows, Place.SYSTEM, SYSTEM_ID),
            *above,
        ]
        implied, effective, on_tenant, system, *others = self._http.gather(calls)
        flat = [row for found in others for row in found]
        reading = _Reading(
            lineage=lineage,
            on_tenant=[grant_of(row) for row in on_tenant],
            above=[grant_of(row) for row in flat],
            system=[grant_of(row) for row in system],
            effective=effective,
            implied=implied,
            people={
                str(row["user"]["id"]): _person(row["user"]) for row in [*flat, *system] if "user" in row
            },
        )
        holders = {grant.holder_id for grant in _commanding(reading) if grant.holder_kind is HolderKind.GROUP}
        if holders:
            domains = self._projects.domain_names()
            found = self._http.gather([partial(self._members, group, domains) for group in sorted(holders)])
            reading.members = dict(zip(sorted(holders), found, strict=True))
        return reading

    def _members(self, group_id: str, domains: Mapping[str, str]) -> list[_Person]:
        try:
            rows = keystone_rows(self._http, f"/groups/{quote(group_id, safe='')}/users", "users")
        except NotFoundError:  # deleted meanwhile
            return []
        return [
            _Person(
                str(row["id"]), str(row["name"]), domains.get(str(row["domain_id"]), str(row["domain_id"]))
            )
            for row in rows
        ]


def _explained(reading: _Reading) -> list[EffectiveRole]:
    roles = [*_in_tenant(reading), *_above_tenant(reading)]
    return sorted(roles, key=lambda role: (role.user_domain, role.user_name, role.role_name, role.grant_key))


def _in_tenant(reading: _Reading) -> Iterator[EffectiveRole]:
    """One for each user, role and assignment that it follows from; those that Keystone does not call effective are not among them."""
    grants: dict[_Path, list[Grant]] = defaultdict(list)
    for grant in (*reading.on_tenant, *reading.above):
        grants[_path_of(grant)].append(grant)
    names = {grant.role_id: grant.role_name for grant in (*reading.on_tenant, *reading.above)}
    names |= {str(row["role"]["id"]): str(row["role"].get("name") or "") for row in reading.effective}
    people: dict[str, _Person] = {}
    held: dict[tuple[str, _Path], set[str]] = defaultdict(set)
    for row in reading.effective:
        person = _person(row["user"])
        people[person.id] = person
        held[person.id, _path_of_link(row, reading.lineage.tenant)].add(str(row["role"]["id"]))
    for (user_id, path), role_ids in held.items():
        for role_id in role_ids:
            origins = [grant for grant in grants[path] if role_id in _gives(grant, reading.implied)]
            for grant in origins or [_unseen(path)]:
                yield _because(people[user_id], role_id, names, grant)


def _above_tenant(reading: _Reading) -> Iterator[EffectiveRole]:
    """Roles on the domain itself and on the system, as they are stored (what they imply is left out)."""
    for grant in _commanding(reading):
        through_group = grant.holder_kind is HolderKind.GROUP
        members = reading.members.get(grant.holder_id, ())
        for person in members if through_group else [reading.people[grant.holder_id]]:
            source = Source.SYSTEM if grant.place is Place.SYSTEM else Source.DOMAIN
            where = (
                "on the system"
                if grant.place is Place.SYSTEM
                else f"on domain {grant.place_name or grant.place_id}"
            )
            yield EffectiveRole(
                user_id=person.id,
                user_name=person.name,
                user_domain=person.domain,
                role_id=grant.role_id,
                role_name=grant.role_name,
                sources=frozenset({source, Source.GROUP} if through_group else {source}),
                via=_joined(where, _group_words(grant)),
                grant_key=grant.key,
            )


def _commanding(reading: _Reading) -> list[Grant]:
    """The assignments above the tenant that are not effective in it, but whose holders may hand out roles there."""
    on_domain = [grant for grant in reading.above if grant.place is Place.DOMAIN and not grant.inherited]
    return [*on_domain, *reading.system]


def _because(person: _Person, role_id: str, names: Mapping[str, str], grant: Grant) -> EffectiveRole:
    """Sources: GROUP and INHERITED as the assignment is, DIRECT when it is neither; IMPLIED besides when it is of another role."""
    sources: set[Source] = set()
    if grant.holder_kind is HolderKind.GROUP:
        sources.add(Source.GROUP)
    if grant.inherited:
        sources.add(Source.INHERITED)
    if not sources:
        sources.add(Source.DIRECT)
    unseen = not grant.role_id
    implied = role_id != grant.role_id and not unseen
    if implied:
        sources.add(Source.IMPLIED)
    inherited = (
        f"inherited from {grant.place} {grant.place_name or grant.place_id}" if grant.inherited else ""
    )
    return EffectiveRole(
        user_id=person.id,
        user_name=person.name,
        user_domain=person.domain,
        role_id=role_id,
        role_name=names.get(role_id, ""),
        sources=frozenset(sources),
        via=_joined(_group_words(grant), inherited, f"implied by {names[grant.role_id]}" if implied else ""),
        grant_key="" if unseen else grant.key,
    )


def _group_words(grant: Grant) -> str:
    return f"group {grant.holder_name or grant.holder_id}" if grant.holder_kind is HolderKind.GROUP else ""


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _gives(grant: Grant, implied: Implied) -> set[str]:
    return {grant.role_id, *implied.get(grant.role_id, ())}


def _unseen(path: _Path) -> Grant:
    """For an effective role that no stored assignment explains: one changed between the two lists."""
    return Grant(path.kind, path.holder_id, "", path.place, path.place_id, path.inherited)


def _path_of(grant: Grant) -> _Path:
    return _Path(grant.place, grant.place_id, grant.holder_kind, grant.holder_id, grant.inherited)


def _path_of_link(row: Mapping[str, Any], tenant: Tenant) -> _Path:
    link = _ASSIGNMENT.search(str(row.get("links", {}).get("assignment", "")))
    if link is None:
        return _Path(Place.PROJECT, tenant.id, HolderKind.USER, str(row["user"]["id"]), False)
    return _Path(
        Place(link["place"]),
        link["place_id"],
        HolderKind(link["kind"]),
        link["holder_id"],
        link["inherit"] is not None,
    )


def _person(row: Mapping[str, Any]) -> _Person:
    domain = row.get("domain") or {}
    return _Person(
        str(row["id"]), str(row.get("name") or ""), str(domain.get("name") or domain.get("id") or "")
    )


def _closure(role: str, direct: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(direct.get(role, ()))
    while ahead:
        each = ahead.pop()
        if each not in found:
            found.add(each)
            ahead.extend(direct.get(each, ()))
    return found - {role}
