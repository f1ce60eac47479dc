"""Settings of Nova and Placement: what is asked, and what each key of `compute.*` is told from; settings.py puts the tables together."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pumphouse.drivers.openstack.settings_answers import Ask, AskEach, NotToldError
from pumphouse.drivers.openstack.settings_table import Tell, Untold, by_name
from pumphouse.drivers.openstack.transport import Rows

_INVENTORIES: Final = 64
"""Placement has no list of inventories: nodes of the same size and capacity have the same ratios and reserves, so one of each kind is asked."""
_CLASSES: Final = {
    "VCPU": ("cpu", "reserved_host_cpus"),
    "MEMORY_MB": ("ram", "reserved_host_memory_mib"),
    "DISK_GB": ("disk", "reserved_host_disk_gib"),
}
_PLACEMENT: Final = "1.39"


def _inventory_asks(hypervisors: Rows, candidates: Mapping[str, Any]) -> dict[str, Ask]:
    """One node of each kind, and each that has no MiB left: those are missing among the candidates, so nobody tells their capacity."""
    if not hypervisors:
        raise NotToldError("there is no compute node")
    kinds: dict[Any, str] = {}
    for row in hypervisors:
        summary = candidates.get(str(row["id"]))
        sizes = (row.get("vcpus"), row.get("memory_mb"), row.get("local_gb"))
        capacity = (
            tuple(summary["resources"].get(name, {}).get("capacity") for name in _CLASSES)
            if summary is not None
            else row["id"]
        )
        kinds.setdefault((sizes, capacity), str(row["id"]))
    if len(kinds) > _INVENTORIES:
        raise NotToldError(f"{len(kinds)} kinds of nodes, or nodes without room, are more than are asked")
    return {
        uuid: Ask(
            "placement",
            f"/resource_providers/{uuid}/inventories",
            "inventories",
            microversion=_PLACEMENT,
            absent={},
        )
        for uuid in kinds.values()
    }


ASKED: Final[Mapping[str, Ask | AskEach]] = {
    # from 2.88 on Nova leaves out the CPU and asks each host for its uptime
    "hypervisors": Ask(
        "compute", "/os-hypervisors/detail", "hypervisors", paged=True, microversion="2.87"
    ),
    "flavors": Ask(
        "compute", "/flavors/detail", "flavors", paged=True, params={"is_public": "None"}, microversion="2.61"
    ),
    "aggregates": Ask("compute", "/os-aggregates", "aggregates", microversion="2.1"),
    "zones": Ask("compute", "/os-availability-zone", "availabilityZoneInfo", microversion="2.1"),
    "nova_quotas": Ask("compute", "/os-quota-class-sets/default", "quota_class_set", microversion="2.57"),
    "candidates": Ask(
        "placement",
        "/allocation_candidates",
        "provider_summaries",
        params={"resources": "MEMORY_MB:1"},
        microversion=_PLACEMENT,
    ),
    "inventories": AskEach(
        ("hypervisors", "candidates"), _inventory_asks, Ask("placement", "/resource_providers/ID/inventories")
    ),
}  # fmt: skip


def _hypervisors(rows: Rows) -> list[dict[str, Any]]:
    found = {(str(row.get("hypervisor_type", "")), int(row.get("hypervisor_version", 0))) for row in rows}
    if not found:
        raise NotToldError("there is no compute node")
    return [{"type": kind, "version": version} for kind, version in sorted(found)]


def _cpus(rows: Rows) -> list[dict[str, str]]:
    told = [cpu for row in rows if isinstance(cpu := row.get("cpu_info"), Mapping) and cpu]
    if not told:
        raise NotToldError("there is no compute node" if not rows else "no node tells its CPU")
    found = {tuple(str(cpu.get(name, "")) for name in ("arch", "vendor", "model")) for cpu in told}
    return [{"arch": arch, "vendor": vendor, "model": model} for arch, vendor, model in sorted(found)]


def _common(
    resource: str, field: str, convert: Callable[[Any], float]
) -> Callable[[Mapping[str, Any]], float]:
    """What all inventories of a resource class have in common."""

    def value(inventories: Mapping[str, Any]) -> float:
        found = {convert(told[resource][field]) for told in inventories.values() if resource in told}
        if not found:
            raise NotToldError(f"no node has an inventory of {resource}")
        if len(found) > 1:
            raise NotToldError(f"nodes differ: {', '.join(f'{each:g}' for each in sorted(found))}")
        return found.pop()

    return value


def _flavors(rows: Rows) -> list[dict[str, Any]]:
    return by_name(
        [
            {
                "name": row["name"],
                "vcpus": int(row["vcpus"]),
                "ram_mib": int(row["ram"]),
                "disk_gib": int(row["disk"]),
                "ephemeral_gib": int(row.get("OS-FLV-EXT-DATA:ephemeral") or 0),
                "swap_mib": int(row.get("swap") or 0),
                "rxtx_factor": float(row.get("rxtx_factor") or 1.0),
                "public": bool(row.get("os-flavor-access:is_public", True)),
                "disabled": bool(row.get("OS-FLV-DISABLED:disabled")),
                "description": row.get("description") or "",
                "extra_specs": dict(row.get("extra_specs") or {}),
            }
            for row in rows
        ]
    )


def _aggregates(rows: Rows) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        metadata = {
            name: value for name, value in (row.get("metadata") or {}).items() if name != "availability_zone"
        }
        bound = {name for name in metadata if name.startswith("filter_tenant_id")}
        found.append(
            {
                "name": row["name"],
                "zone": row.get("availability_zone") or "",
                "metadata": {name: value for name, value in sorted(metadata.items()) if name not in bound},
                "tenant_bound": bool(bound),
            }
        )
    return by_name(found)


TOLD: Final = (
    Tell("compute.hypervisors", ("hypervisors",), _hypervisors),
    Tell("compute.cpu_models", ("hypervisors",), _cpus),
    *(
        Tell(f"compute.{short}_allocation_ratio", ("inventories",), _common(resource, "allocation_ratio", float))
        for resource, (short, _) in _CLASSES.items()
    ),
    *(
        Tell(f"compute.{name}", ("inventories",), _common(resource, "reserved", int))
        for resource, (_, name) in _CLASSES.items()
    ),
    Tell("compute.zones", ("zones",), lambda rows: sorted(row["zoneName"] for row in rows)),
    Tell("contents.flavors", ("flavors",), _flavors),
    Tell("contents.aggregates", ("aggregates",), _aggregates),
)  # fmt: skip

UNTOLD: Final = (Untold("compute.cpu_mode", "no API tells cpu_mode"),)
