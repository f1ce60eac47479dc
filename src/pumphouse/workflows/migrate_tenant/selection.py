"""Which of a tenant's things a migration is about: the operator's `include` and `exclude`, and what they entail. Pure; planner.py asks."""

from collections.abc import Mapping, Sequence
from typing import Final

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.resource import Inventory, Resource, ResourceKind, refs

ALWAYS: Final = frozenset({ResourceKind.PROJECT, ResourceKind.DOMAIN})
"""Without its project nothing of a tenant can be made."""
FOLLOWERS: Final[Mapping[ResourceKind, frozenset[ResourceKind]]] = {
    ResourceKind.SECURITY_GROUP_RULES: frozenset({ResourceKind.SECURITY_GROUP}),
    ResourceKind.ROUTER_INTERFACE: frozenset({ResourceKind.SUBNET, ResourceKind.ROUTER}),
    ResourceKind.ROUTER_ROUTES: frozenset({ResourceKind.ROUTER}),
    ResourceKind.FLOATING_IP: frozenset({ResourceKind.PORT}),
    ResourceKind.TRUNK: frozenset({ResourceKind.PORT}),
    ResourceKind.RBAC_SHARE: frozenset({ResourceKind.NETWORK, ResourceKind.SECURITY_GROUP}),
}
"""What comes along with a thing that it refers to, as the thing is of little use without it."""
OF_SERVER: Final = frozenset({ResourceKind.PORT, ResourceKind.VOLUME})
"""What a server that is left out keeps."""


def unselected(inventory: Inventory, include: Sequence[str], exclude: Sequence[str]) -> dict[str, str]:
    """Key -> why it is left out.

    Raises:
        InvalidInputError: an entry that is no kind, no KIND/ID of this inventory, and no server's name or id.
    """
    known = {each.key: each for each in inventory.resources}
    left: dict[str, str] = {}
    if include:
        wanted = _entailed(known, _named("include", include, known))
        left = {key: "not among what was asked for" for key in known if key not in wanted}
    for key in _named("exclude", exclude, known):
        if known[key].kind not in ALWAYS:
            left[key] = "left out as you wish"
    return left | _kept_by_servers(known, left)


def _named(field: str, entries: Sequence[str], known: Mapping[str, Resource]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        keys = _of_entry(entry, known)
        if keys is None:
            raise InvalidInputError(
                field, entry, "is no kind, no KIND/ID of this tenant, and no name or id of one of its servers"
            )
        found |= keys
    return found


def _of_entry(entry: str, known: Mapping[str, Resource]) -> set[str] | None:
    if entry in set(ResourceKind):
        return {key for key, each in known.items() if each.kind == entry}
    if entry in known:
        return {entry}
    servers = {
        key
        for key, each in known.items()
        if each.kind is ResourceKind.SERVER and entry in {each.name, each.id}
    }
    return servers or None


def _entailed(known: Mapping[str, Resource], wanted: set[str]) -> set[str]:
    """With all that they refer to, and what comes along with that."""
    found: set[str] = set()
    fresh = {*wanted, *(key for key, each in known.items() if each.kind in ALWAYS)}
    with_servers = any(known[key].kind is ResourceKind.SERVER for key in wanted)
    while fresh:
        found |= fresh
        fresh = {target for key in fresh for target in refs(known[key].fields) if target in known} - found
        if not fresh and with_servers:
            fresh = {key for key, each in known.items() if key not in found and _follows(each, found)}
    return found


def _follows(resource: Resource, found: set[str]) -> bool:
    leaders = FOLLOWERS.get(resource.kind, frozenset())
    targets = [*refs(resource.fields), *(f"{leader}/{resource.id}" for leader in leaders)]
    return any(t in found and t.partition("/")[0] in leaders for t in targets)


def _kept_by_servers(known: Mapping[str, Resource], left: Mapping[str, str]) -> dict[str, str]:
    """A port or volume of servers that all stay behind stays too: its address is in use there, and its data change."""
    users: dict[str, list[Resource]] = {}
    for each in known.values():
        if each.kind is ResourceKind.SERVER:
            for target in refs(each.fields):
                users.setdefault(target, []).append(each)
    return {
        key: f"it belongs to server {users[key][0].name}, which is left out"
        for key, each in known.items()
        if each.kind in OF_SERVER and key in users and all(user.key in left for user in users[key])
    }
