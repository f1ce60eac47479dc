"""Role assignments on the tenant's project, of users and groups, direct and inherited to the projects below it. Those above it are remarks of project.py.

Fields:
* `holder`: reference to a user or a group
* `role`: reference to a role
* `place`: reference to the project
* `inherited`: True when it holds for the projects below, not for the place itself (OS-INHERIT)

The id is `Grant.key`. Those of our own user are left out, and so are those whose holder or role no longer exists (2023.1 keeps them).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError, NotFoundError
from pumphouse.domain.resource import REF, Resource, ResourceKind, ref, split_ref
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.openstack.resources.members import grants_on
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.tenant_grants import Grants
from pumphouse.ports.resources import KindDriver

_HOLDERS = {HolderKind.USER: ResourceKind.USER, HolderKind.GROUP: ResourceKind.GROUP}
_PLACES = {Place.PROJECT: ResourceKind.PROJECT, Place.DOMAIN: ResourceKind.DOMAIN}


class Assignments(KindDriver):
    """Assignments of one Keystone."""

    kind = ResourceKind.ASSIGNMENT

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._grants = Grants(reach.http)

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return [_resource(grant) for grant in grants_on(self._http, tenant_id)]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """One list for each place that is named."""
        wanted = set(ids)
        places = sorted({(grant.place, grant.place_id) for grant in map(grant_of_key, wanted)})
        found = self._http.gather([partial(self._on, place, place_id) for place, place_id in places])
        return [_resource(grant) for grants in found for grant in grants if grant.key in wanted]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id) if tenant_id else []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        grant = _grant(fields)
        self._grants.add(grant)
        return grant.key

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """An assignment has nothing that could be changed: it is there or it is not."""
        self._grants.add(grant_of_key(id))

    @override
    def delete(self, id: str) -> None:
        self._grants.remove(grant_of_key(id))

    def _on(self, place: Place, place_id: str) -> Sequence[Grant]:
        try:
            return self._grants.on(place, place_id)
        except NotFoundError:
            return []


def grant_of_key(key: str) -> Grant:
    """The assignment that `Grant.key` names, without names."""
    parts = key.split("/")
    if len(parts) != 6:
        raise InvalidInputError("assignment", key, "PLACE/ID/HOLDER/ID/ROLE_ID/HOW was expected")
    place, place_id, holder, holder_id, role_id, how = parts
    return Grant(HolderKind(holder), holder_id, role_id, Place(place), place_id, inherited=how == "inherited")


def _grant(fields: Mapping[str, Any]) -> Grant:
    holder_kind, holder_id = split_ref(fields["holder"][REF])
    place_kind, place_id = split_ref(fields["place"][REF])
    return Grant(
        holder_kind=HolderKind.USER if holder_kind is ResourceKind.USER else HolderKind.GROUP,
        holder_id=holder_id,
        role_id=split_ref(fields["role"][REF])[1],
        place=Place.PROJECT if place_kind is ResourceKind.PROJECT else Place.DOMAIN,
        place_id=place_id,
        inherited=bool(fields["inherited"]),
    )


def _resource(grant: Grant) -> Resource:
    how = " for the projects below" if grant.inherited else ""
    fields = {
        "holder": ref(_HOLDERS[grant.holder_kind], grant.holder_id),
        "role": ref(ResourceKind.ROLE, grant.role_id),
        "place": ref(_PLACES[grant.place], grant.place_id),
        "inherited": grant.inherited,
    }
    name = f"{grant.role_name} of {grant.holder_kind} {grant.holder_name}{how}"
    return Resource(ResourceKind.ASSIGNMENT, grant.key, name, fields, version=grant.key, owner=grant.place_id)
