"""Everything that a cloud has, asked of its APIs past Pumphouse: for before and after, for what belongs to a tenant, and for the bytes."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from pumphouse.lab import Lab
from tests.lab.faulted_tenant import volume_file

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
NETWORK = (
    "networks",
    "subnets",
    "routers",
    "ports",
    "security_groups",
    "security_group_rules",
    "floatingips",
)
VOLATILE = frozenset(
    {
        "updated_at", "updated", "revision_number", "created_at", "links", "self", "schema", "file", "progress", "OS-SRV-USG:launched_at",
        "OS-SRV-USG:terminated_at", "OS-EXT-STS:task_state", "password_expires_at", "attach_status", "attached_at", "attachment_id", "host", "hostId",
        "OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname", "binding:host_id", "binding:vif_details", "binding:profile", "status",
        "OS-EXT-SRV-ATTR:instance_name", "attachments", "stores", "last_active_at",
    }
)  # fmt: skip
"""Fields that change by themselves, or by a stop and a start."""
NAMED = frozenset({"users", "groups", "flavors", "projects", "roles", "keypairs"})
"""Kinds that no project owns: ours are known by how their names begin."""
KEPT_STATUS = frozenset({"servers", "volumes", "images"})


def census(everything: Rows) -> dict[str, dict[str, Any]]:
    """Kind -> id -> what is steady of it."""
    return {
        kind: {
            _id(kind, row): {
                name: _steady(value)
                for name, value in row.items()
                if name not in VOLATILE or (name == "status" and kind in KEPT_STATUS)
            }
            for row in rows
        }
        for kind, rows in everything.items()
    }


def differing(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """In words; empty when all is the same."""
    found = []
    for kind in before:
        one, other = before[kind], after[kind]
        found += [f"{kind} gone: {one[key]}" for key in one if key not in other]
        found += [f"{kind} more: {other[key]}" for key in other if key not in one]
        found += [
            f"{kind} {key}: {name} was {one[key].get(name)!r} and is {other[key].get(name)!r}"
            for key in one
            if key in other
            for name in sorted({*one[key], *other[key]})
            if one[key].get(name) != other[key].get(name)
        ]
    return found


def holdings(everything: Rows, tenant_id: str, prefix: str) -> Counter[str]:
    """What a tenant has, by kind and name, to be held against the same of another cloud. Ports are counted by what they are for and with their addresses."""
    return Counter(
        f"{kind} {_label(kind, row)}"
        for kind, rows in everything.items()
        for row in rows
        if _belongs(kind, row, tenant_id, prefix)
    )


def _belongs(kind: str, row: Row, tenant_id: str, prefix: str) -> bool:
    if kind in NAMED:
        return str(row["name"]).startswith(prefix)
    if kind == "role_assignments":
        return bool(row["scope"].get("project", {}).get("id") == tenant_id)
    return tenant_id in {
        row.get(name) for name in ("project_id", "tenant_id", "owner", "os-vol-tenant-attr:tenant_id")
    }


def _label(kind: str, row: Row) -> str:
    """What two counterparts have in common."""
    if kind == "ports":
        fixed = ",".join(each["ip_address"] for each in row["fixed_ips"])
        return f"{row['device_owner'].partition(':')[0]} {row['name']} {row['mac_address'] if row['name'] else ''} {fixed}"
    if kind == "floatingips":
        return f"{row['floating_ip_address']} to {row['fixed_ip_address']}"
    if kind == "security_group_rules":
        return " ".join(str(row[name]) for name in ("direction", "ethertype", "protocol", "port_range_min"))
    return str(row.get("name") or "")


def temporary(rows: Rows) -> list[str]:
    """What only lives while something is moved: images of ours, attachments without a server."""
    servers = {row["id"] for row in rows["servers"]}
    images = [row["name"] for row in rows["images"] if str(row.get("name")).startswith("pumphouse-")]
    return images + [
        f"attachment {row['id']} of volume {row['volume_id']}" for row in rows["attachments"] if row["instance"] not in servers
    ]  # fmt: skip


def content(machine: Lab, cloud: str, volume: str) -> str:
    """A hash of what is in the volume's file and where; zeros that are written count as holes."""
    return sparse_hash(volume_file(machine, cloud, volume))


def sparse_hash(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // 4096 * 4096
            except OSError:
                break  # only a hole is left
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < end:
                piece = os.pread(file.fileno(), 4096, at)
                if piece.strip(b"\0"):
                    found.update(at.to_bytes(8, "big") + piece)
                at += 4096
    return found.hexdigest()


def look(cloud: Connection, prefix: str) -> Rows:
    """All that the cloud has, and the keypairs of its administrator and of users whose names begin so."""
    get: Callable[..., Any] = lambda proxy, path, key, **more: proxy.get(path, **more).json()[key]  # noqa: E731
    found: dict[str, list[Row]] = {
        kind: get(cloud.network, f"/{kind.replace('_', '-')}", kind) for kind in NETWORK
    }
    me = cloud.current_user_id
    for kind in ("projects", "users", "groups", "roles", "role_assignments"):
        found[kind] = get(cloud.identity, f"/{kind}", kind)
    found["volumes"] = get(cloud.block_storage, "/volumes/detail?all_tenants=1", "volumes")
    found["attachments"] = get(
        cloud.block_storage, "/attachments/detail?all_tenants=1", "attachments", microversion="3.60"
    )
    found["images"] = get(cloud.image, "/images?visibility=all&limit=1000", "images")
    found["servers"] = get(cloud.compute, "/servers/detail?all_tenants=1", "servers", microversion="2.79")
    found["flavors"] = get(cloud.compute, "/flavors/detail?is_public=None", "flavors")
    found["keypairs"] = [
        {**row["keypair"], "owner": user["id"], "name": row["keypair"]["name"]}
        for user in [{"id": me}, *(each for each in found["users"] if each["name"].startswith(prefix))]
        for row in get(cloud.compute, f"/os-keypairs?user_id={user['id']}", "keypairs", microversion="2.10")
    ]
    return found


def _id(kind: str, row: Row) -> str:
    if kind == "role_assignments":
        return repr(sorted((name, repr(value)) for name, value in row.items() if name != "links"))
    if kind == "keypairs":
        return f"{row['owner']}/{row['name']}"
    return str(row["id"])


def _steady(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _steady(each) for name, each in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return sorted((_steady(each) for each in value), key=repr)
    return value
