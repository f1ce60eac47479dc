"""Rows of a plan as JSON and back, as operations keep them between inventory and steps."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.migration import Method
from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.planner import Row


def packed(row: Row) -> dict[str, Any]:
    """JSON-safe."""
    return {
        "resource": packed_resource(row.source),
        "method": str(row.method),
        "reason": row.reason,
        "target_id": row.target_id,
        "target": row.target,
        "differing": list(row.differing),
        "data_with": row.data_with,
        "again": row.again,
    }


def unpacked(data: Mapping[str, Any]) -> Row:
    """What `packed` made."""
    return Row(
        source=unpacked_resource(data["resource"]),
        method=Method(data["method"]),
        reason=data["reason"],
        target_id=data["target_id"],
        target=data["target"],
        differing=tuple(data["differing"]),
        data_with=data["data_with"],
        again=data["again"],
    )


def packed_resource(resource: Resource) -> dict[str, Any]:
    """JSON-safe."""
    return {
        "kind": str(resource.kind),
        "id": resource.id,
        "name": resource.name,
        "fields": resource.fields,
        "notes": resource.notes,
        "version": resource.version,
        "size_bytes": resource.size_bytes,
        "owner": resource.owner,
    }


def unpacked_resource(data: Mapping[str, Any]) -> Resource:
    """What `packed_resource` made."""
    return Resource(**{**data, "kind": ResourceKind(data["kind"])})
