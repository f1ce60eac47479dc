"""Turns rows of the services into the plain values of `facts()`; discovery.py calls it. What the keys mean stands in docs/environments.md."""

from collections.abc import Iterable, Mapping
from typing import Any

from pumphouse.domain.environment import ServiceState


def hypervisor(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "name": row["hypervisor_hostname"],
        "host": row["service"]["host"],
        "type": row.get("hypervisor_type", ""),
        "version": row.get("hypervisor_version", 0),
        "cpu": row.get("cpu_info") or {},
        "vcpus": row.get("vcpus"),
        "ram_mib": row.get("memory_mb"),
        "disk_gib": row.get("local_gb"),
        "state": row.get("state", ""),
        "status": row.get("status", ""),
    }


def aggregate(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "zone": row.get("availability_zone") or "",
        "hosts": row.get("hosts", []),
        "metadata": row.get("metadata", {}),
    }


def network(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row.get("name", ""),
        "project_id": row.get("project_id", ""),
        "type": row.get("provider:network_type") or "",
        "physical_network": row.get("provider:physical_network") or "",
        "segment": row.get("provider:segmentation_id"),
        "mtu": row.get("mtu"),
        "external": bool(row.get("router:external")),
        "shared": bool(row.get("shared")),
    }


def pool(row: Mapping[str, Any]) -> dict[str, Any]:
    tells = row.get("capabilities") or {}
    names = ("volume_backend_name", "storage_protocol", "vendor_name", "driver_version")
    sizes = {"total_gib": tells.get("total_capacity_gb"), "free_gib": tells.get("free_capacity_gb")}
    return {"name": row["name"], **{name: tells.get(name, "") for name in names}, **sizes}


def volume_type(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "public": bool(row.get("is_public")),
        "extra_specs": row.get("extra_specs") or {},
    }


def flavor(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "vcpus": row["vcpus"],
        "ram_mib": row["ram"],
        "disk_gib": row["disk"],
        "ephemeral_gib": row.get("OS-FLV-EXT-DATA:ephemeral") or 0,
        "swap_mib": row.get("swap") or 0,
        "public": bool(row.get("os-flavor-access:is_public", True)),
        "extra_specs": row.get("extra_specs") or {},
    }


def volume_service(row: Mapping[str, Any]) -> ServiceState:
    return ServiceState(
        id=f"{row['binary']}@{row['host']}",
        kind="volume",
        binary=row["binary"],
        host=row["host"],
        zone=row.get("zone") or "",
        enabled=row.get("status") == "enabled",
        up=row.get("state") == "up",
        reason=row.get("disabled_reason") or "",
        updated_at=row.get("updated_at") or "",
    )


def count_states(states: Iterable[ServiceState]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for state in states:
        row = found.setdefault(
            (state.kind, state.binary),
            {"kind": state.kind, "binary": state.binary, "up": 0, "down": 0, "disabled": 0},
        )
        row["up" if state.up else "down"] += 1
        row["disabled"] += not state.enabled
    return [found[key] for key in sorted(found)]
