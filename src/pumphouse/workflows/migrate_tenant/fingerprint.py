"""Digests of what a tenant has: of a whole inventory, so that a plan notices that the source has changed, and of one thing's fields, so that a later run does. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.resource import Inventory, Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Kind

FENCED: Final = frozenset({ResourceKind.ASSIGNMENT, ResourceKind.QUOTA})
"""Kinds that a fence changes, so that a plan made before it would look outdated behind it."""
UNSURE: Final = frozenset({ResourceKind.EC2_KEY})
"""Kinds that a cloud may refuse to show once, and then again not."""
_SHORT: Final = 16


def digest_of(inventory: Inventory, kinds: Mapping[ResourceKind, Kind]) -> str:
    """Of everything that is copied, SHA256:HEX. What the fence changes is left out: it is put up between plan and inventory. So are what is only listed
    and EC2 credentials: Keystone may refuse once to show them, and then again not.
    """
    rows = sorted(
        (each.key, each.name, each.size_bytes, _steady(each, kinds.get(each.kind)))
        for each in inventory.resources
        if each.kind not in FENCED | UNSURE and not _is_listed_only(kinds.get(each.kind))
    )
    return "sha256:" + hashlib.sha256(_text(rows)).hexdigest()


def prints_of(resource: Resource, kind: Kind | None) -> dict[str, str]:
    """Field -> short digest of its value; without those that we change ourselves."""
    touched = kind.touched if kind is not None else frozenset()
    return {
        name: hashlib.sha256(_text(value)).hexdigest()[:_SHORT]
        for name, value in resource.fields.items()
        if name not in touched
    }


def changed_fields(before: Mapping[str, str], resource: Resource, kind: Kind | None) -> list[str]:
    """The fields that are not what they were when `before` was taken by `prints_of`; a field that one of both does not know is not compared."""
    now = prints_of(resource, kind)
    return sorted(name for name, value in now.items() if name in before and before[name] != value)


def _is_listed_only(kind: Kind | None) -> bool:
    return kind is not None and kind.listed_only


def _steady(resource: Resource, kind: Kind | None) -> str:
    return _text(prints_of(resource, kind)).decode()


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
