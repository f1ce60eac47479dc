"""An inventory as it was before a fence: what the fence has changed is put back in thought, from its journal. Pure; looking.py calls it.

Migrating what a fenced tenant shows now would carry its maintenance over: `reader` for everybody, pinned quotas, locked servers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pumphouse.domain.fence import EntryState, FenceEntry
from pumphouse.domain.resource import Inventory, Resource, ResourceKind, ref, refs

STANDING = frozenset({EntryState.INTENDED, EntryState.DONE, EntryState.RESTORING})
ADDED, WITHDRAWN, LOCK, QUOTA = "added", "withdrawn", "lock", "quota"


def unfenced(inventory: Inventory, entries: Sequence[FenceEntry]) -> Inventory:
    """The inventory without what these entries of the fence's journal have done to it."""
    standing = [entry for entry in entries if entry.state in STANDING]
    if not standing:
        return inventory
    found = {each.key: each for each in inventory.resources}
    for entry in standing:
        _put_back(found, entry, inventory.tenant_id)
    return replace(inventory, resources=list(found.values()))


def without_idle_roles(inventory: Inventory) -> Inventory:
    """Without roles that nothing refers to: the one that a fence gave to everybody is none of the tenant's."""
    meant = {target for each in inventory.resources for target in refs(each.fields)}
    kept = [each for each in inventory.resources if each.kind is not ResourceKind.ROLE or each.key in meant]
    return replace(inventory, resources=kept)


def _put_back(found: dict[str, Resource], entry: FenceEntry, tenant_id: str) -> None:
    if entry.kind == ADDED:
        found.pop(f"{ResourceKind.ASSIGNMENT}/{entry.key}", None)
    elif entry.kind == WITHDRAWN:
        grant = _assignment(entry, tenant_id)
        found.setdefault(grant.key, grant)
    elif entry.kind == LOCK:
        _change(found, f"{ResourceKind.SERVER}/{entry.key}", {"locked": False})
    elif entry.kind == QUOTA:
        key = f"{ResourceKind.QUOTA}/{entry.key}/{tenant_id}"
        present = found.get(key)
        if present is not None:
            _change(found, key, _limits(present, entry.data["before"]))


def _limits(quota: Resource, before: Mapping[str, int]) -> dict[str, Any]:
    """The fields of a quota (drivers/openstack/resources/quota.py) with the limits that held before: those that differ from the defaults, of volume types apart."""
    defaults, types = quota.notes.get("defaults", {}), quota.notes.get("types", {})
    # a limit that was used up was not pinned: it is as it always was
    limits = {name: each for name, each in quota.fields.get("limits", {}).items() if name not in before}
    names = {ref(ResourceKind.VOLUME_TYPE, found)["$ref"]: name for name, found in types.items()}
    by_type = [
        row
        for row in quota.fields.get("by_type", ())
        if f"{row['name']}_{names.get(row['type']['$ref'])}" not in before
    ]
    for name, limit in sorted(before.items()):
        what, _, of_type = name.partition("_")
        # what the fence wrote down may have names of nova-network, which nobody sets any more
        if limit == defaults.get(name) or (defaults and name not in defaults):
            continue
        if of_type in types:
            by_type.append(
                {"type": ref(ResourceKind.VOLUME_TYPE, types[of_type]), "name": what, "limit": limit}
            )
        else:
            limits[name] = limit
    return {
        "limits": dict(sorted(limits.items())),
        "by_type": sorted(by_type, key=lambda row: (str(row["type"]), str(row["name"]))),
    }


def _change(found: dict[str, Resource], key: str, fields: Mapping[str, Any]) -> None:
    present = found.get(key)
    if present is not None:
        known = {name: value for name, value in fields.items() if name in present.fields}
        found[key] = replace(present, fields={**present.fields, **known})


def _assignment(entry: FenceEntry, tenant_id: str) -> Resource:
    """Of the grant that the fence wrote down; the shape is that of drivers/openstack/resources/assignment.py."""
    data = entry.data
    fields = {
        "holder": ref(ResourceKind(data["holder_kind"]), str(data["holder_id"])),
        "role": ref(ResourceKind.ROLE, str(data["role_id"])),
        "place": ref(ResourceKind(data["place"]), str(data["place_id"])),
        "inherited": bool(data.get("inherited")),
    }
    name = f"{data.get('role_name') or data['role_id']} of {data['holder_kind']} {data.get('holder_name') or data['holder_id']}"
    return Resource(ResourceKind.ASSIGNMENT, entry.key, name, fields, owner=tenant_id)
