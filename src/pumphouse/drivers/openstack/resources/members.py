"""Who belongs to a tenant: the assignments on it, the users that hold them, and the members of the groups that do. Asked by the drivers of people's kinds.

Requests: one for the assignments, one per group for its members, one per user that holds a role himself (Keystone has no list of users by id), as many at once
as the transport allows. Our own user is left out: he holds a role in every tenant that is being moved.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.openstack.resources.keystone import Row, by_id
from pumphouse.drivers.openstack.tenant_grants import Grants
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Rows, Transport


@dataclass(frozen=True, slots=True)
class Members:
    """Of one tenant. `groups` are the ids of those that hold roles; `groups_of`: user id -> those among them that he is in."""

    groups: Sequence[str]
    users: Mapping[str, Row]
    groups_of: Mapping[str, Sequence[str]]


def grants_on(http: Transport, tenant_id: str) -> list[Grant]:
    """The assignments on the tenant, without those of our own user and those of holders or roles that no longer exist (they have no names)."""
    ours = http.user()[0]
    found = Grants(http).on(Place.PROJECT, tenant_id)
    return [grant for grant in found if grant.holder_id != ours and grant.holder_name and grant.role_name]


def members_of(http: Transport, tenant_id: str) -> Members:
    """All of them, as they are now."""
    return members_by(http, holders_on(http, tenant_id))


def holders_on(http: Transport, tenant_id: str) -> list[str]:
    """Users and groups that hold roles on the tenant, as KIND/ID."""
    return sorted({f"{grant.holder_kind}/{grant.holder_id}" for grant in grants_on(http, tenant_id)})


def members_by(http: Transport, holders: Sequence[str]) -> Members:
    """Those that these users and groups (KIND/ID) bring with them."""
    pairs = [each.partition("/") for each in holders]
    groups = sorted({name for kind, _, name in pairs if kind == HolderKind.GROUP})
    direct = sorted({name for kind, _, name in pairs if kind == HolderKind.USER})
    in_groups = http.gather([partial(_in_group, http, each) for each in groups])
    users = {str(row["id"]): row for row in by_id(http, "/users", "user", direct)}
    groups_of: dict[str, list[str]] = defaultdict(list)
    ours = http.user()[0]
    users.pop(ours, None)
    for group, rows in zip(groups, in_groups, strict=True):
        for row in rows:
            if str(row["id"]) != ours:
                users.setdefault(str(row["id"]), row)
                groups_of[str(row["id"])].append(group)
    return Members(groups, users, groups_of)


def _in_group(http: Transport, group_id: str) -> Rows:
    try:
        return keystone_rows(http, f"/groups/{quote(group_id, safe='')}/users", "users")
    except NotFoundError:  # deleted meanwhile
        return []
