"""Cinder's volume types: mapped, never made. Fields: none, a type is only referred to.

Notes: `description`, `is_public`, `extra_specs`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.drivers.openstack.resources.mapped import Mapped
from pumphouse.drivers.openstack.resources.reach import Reach


class VolumeTypes(Mapped):
    """Volume types of one Cinder."""

    kind = ResourceKind.VOLUME_TYPE

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = set(ids)
        return [each for each in self._all() if each.id in wanted]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self._all()

    def _all(self) -> list[Resource]:
        """Of private ones too, which a plain list leaves out."""
        rows = self._http.rows("block-storage", "/types", "volume_types", params={"is_public": "None"})
        return [_resource(row) for row in rows]


def _resource(row: Mapping[str, Any]) -> Resource:
    notes = {
        "description": str(row.get("description") or ""),
        "is_public": bool(row.get("is_public", True)),
        "extra_specs": dict(row.get("extra_specs") or {}),
    }
    return Resource(ResourceKind.VOLUME_TYPE, str(row["id"]), str(row["name"]), {}, notes)
