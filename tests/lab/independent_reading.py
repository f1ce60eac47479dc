"""What is in a cloud, raw, straight from its APIs and its files: the part of the independent comparison that reads. Nothing of Pumphouse's own inventory is used.

Rows are by kind and id, as the APIs answer them, with what they say at other addresses put in (members of an image, attachments of a server ...).
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from pumphouse.lab import Lab
from pumphouse.lab.errors import LabConfigurationError

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]

# kind -> service, path, key of the answer
_NETWORK = {
    "network": ("/networks", "networks"),
    "subnet": ("/subnets", "subnets"),
    "port": ("/ports", "ports"),
    "router": ("/routers", "routers"),
    "security_group": ("/security-groups", "security_groups"),
    "floating_ip": ("/floatingips", "floatingips"),
    "trunk": ("/trunks", "trunks"),
    "subnet_pool": ("/subnetpools", "subnetpools"),
    "address_scope": ("/address-scopes", "address_scopes"),
    "address_group": ("/address-groups", "address_groups"),
    "qos_policy": ("/qos/policies", "policies"),
    "rbac": ("/rbac-policies", "rbac_policies"),
}
_IDENTITY = {
    "domain": "/domains",
    "project": "/projects",
    "user": "/users",
    "group": "/groups",
    "role": "/roles",
}
_VERSIONS = {"compute": "2.95", "block_storage": "3.70"}
_BLOCK = 1 << 16


class Reader:
    """Reads one cloud as its administrator. With a project only what that owns, and what belongs to the cloud."""

    def __init__(self, cloud: Connection, machine: Lab, name: str, project: str = "") -> None:
        self._cloud, self._machine, self._name, self._project = cloud, machine, name, project

    def get(self, service: str, path: str) -> Any:
        answer = getattr(self._cloud, service).get(path, microversion=_VERSIONS.get(service))
        assert answer.status_code == 200, f"{service} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def everything(self, *, data: bool = True) -> Rows:
        """All rows; with `data` also what images, volumes and root disks hold."""
        for service in ("compute", "network", "image", "block_storage", "identity"):
            getattr(self._cloud, service).get_endpoint_data()
        rows: Rows = {}
        with ThreadPoolExecutor(6) as pool:
            for found in pool.map(
                lambda read: read(), (self._networks, self._people, self._computers, self._volumes)
            ):
                rows |= found
        rows["image"] = self._images(data=data)
        rows["keypair"] = self._keypairs(rows)
        rows["ec2"] = self._ec2(rows)
        if data:
            for known, row in rows["volume"].items():
                row["_data"] = digest_of_file(
                    self._machine.layout.volume_share(self._name) / f"volume-{known}"
                )
            for known, row in rows["server"].items():
                row["_data"] = self._root_disk(known)
        return rows

    # -- by service

    def _networks(self) -> Rows:
        which = f"?project_id={self._project}" if self._project else ""
        rows = {
            kind: by_id(self.get("network", f"{path}{which}")[key]) for kind, (path, key) in _NETWORK.items()
        }
        for known, row in rows["floating_ip"].items():
            if row["port_forwardings"]:  # here they are without their descriptions
                found = self.get("network", f"/floatingips/{known}/port_forwardings")
                row["port_forwardings"] = found["port_forwardings"]
        rows["default_quota network"] = {"": self.get("network", "/quotas/default/default")["quota"]}
        for kind, (path, key) in (("network", _NETWORK["network"]), ("subnet", _NETWORK["subnet"])):
            found = self.get("network", f"{path}?router:external=true" if kind == "network" else path)[key]
            rows[f"all {kind}"] = by_id(found)
        return rows

    def _people(self) -> Rows:
        rows = {kind: by_id(self.get("identity", path)[f"{kind}s"]) for kind, path in _IDENTITY.items()}
        for known, row in rows["group"].items():
            row["_users"] = [u["id"] for u in self.get("identity", f"/groups/{known}/users")["users"]]
        for row in rows["role"].values():
            row["_implies"] = []
        for each in self.get("identity", "/role_inferences")["role_inferences"]:
            rows["role"][each["prior_role"]["id"]]["_implies"] = [r["id"] for r in each["implies"]]
        which = f"?scope.project.id={self._project}" if self._project else ""
        found = self.get("identity", f"/role_assignments{which}")["role_assignments"]
        rows["assignment"] = {str(number): each for number, each in enumerate(found)}
        projects = [self._project] if self._project else list(rows["project"])
        rows["quota"] = {}
        for project in projects:
            rows["quota"][project] = {
                "compute": self.get("compute", f"/os-quota-sets/{project}")["quota_set"],
                "volume": self.get("block_storage", f"/os-quota-sets/{project}")["quota_set"],
                "network": self.get("network", f"/quotas/{project}")["quota"],
            }
        return rows

    def _computers(self) -> Rows:
        which = f"&project_id={self._project}" if self._project else ""
        servers = by_id(self.get("compute", f"/servers/detail?all_tenants=1{which}")["servers"])
        for known, row in servers.items():
            row["_volumes"] = self.get("compute", f"/servers/{known}/os-volume_attachments")[
                "volumeAttachments"
            ]
            ports = self.get("compute", f"/servers/{known}/os-interface")["interfaceAttachments"]
            row["_interfaces"] = [p["port_id"] for p in ports]
        groups = by_id(self.get("compute", "/os-server-groups?all_projects=True&limit=1000")["server_groups"])
        if self._project:
            groups = {known: row for known, row in groups.items() if row["project_id"] == self._project}
        flavors = by_id(self.get("compute", "/flavors/detail?is_public=None")["flavors"])
        for known, row in flavors.items():
            if not row["os-flavor-access:is_public"]:
                found = self.get("compute", f"/flavors/{known}/os-flavor-access")["flavor_access"]
                row["_access"] = [each["tenant_id"] for each in found]
        return {"server": servers, "server_group": groups, "flavor": flavors}

    def _volumes(self) -> Rows:
        which = f"&project_id={self._project}" if self._project else ""
        read = {"volume": "/volumes/detail", "snapshot": "/snapshots/detail"}
        rows = {
            kind: by_id(self.get("block_storage", f"{path}?all_tenants=1{which}")[f"{kind}s"])
            for kind, path in read.items()
        }
        rows["volume_type"] = by_id(self.get("block_storage", "/types?is_public=None")["volume_types"])
        return rows

    def _images(self, *, data: bool) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for which in ("", "&os_hidden=true"):
            for visibility in ("all",):
                path = f"/images?limit=900&visibility={visibility}{which}"
                rows |= by_id(self.get("image", path)["images"])
        if self._project:
            rows = {known: row for known, row in rows.items() if row["owner"] == self._project}
        for known, row in rows.items():
            if row["visibility"] == "shared":
                found = self.get("image", f"/images/{known}/members")["members"]
                row["_members"] = [{"member": m["member_id"], "status": m["status"]} for m in found]
            if data and row["status"] == "active":
                row["_data"] = self._downloaded(known)
        return rows

    def _downloaded(self, image: str) -> str:
        digest = hashlib.sha256()
        with self._cloud.image.get(f"/images/{image}/file", stream=True) as answer:
            for piece in answer.iter_content(_BLOCK):
                digest.update(piece)
        return digest.hexdigest()

    def _ec2(self, rows: Rows) -> dict[str, Row]:
        """Access keys with their secrets, of the same users."""
        found: dict[str, Row] = {}
        for user in self._members(rows):
            for row in self.get("identity", f"/users/{user}/credentials/OS-EC2")["credentials"]:
                if self._project in ("", row["tenant_id"]):
                    found[row["access"]] = row
        return found

    def _members(self, rows: Rows) -> Iterable[str]:
        """The users that hold a role in the project, in a group or not; all users without a project."""
        users: Iterable[str] = rows["user"]
        if self._project:
            held = {a.get("user", {}).get("id") for a in rows["assignment"].values()}
            for each in rows["assignment"].values():
                if "group" in each:
                    held |= set(rows["group"][each["group"]["id"]]["_users"])
            users = sorted(held - {None, self._cloud.current_user_id})
        return users

    def _keypairs(self, rows: Rows) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for user in self._members(rows):
            for each in self.get("compute", f"/os-keypairs?user_id={user}")["keypairs"]:
                name = each["keypair"]["name"]
                row = self.get("compute", f"/os-keypairs/{name}?user_id={user}")["keypair"]
                found[f"{user}/{name}"] = row
        return found

    def _root_disk(self, server: str) -> str | None:
        try:
            return digest_of_file(self._machine.root_disk(server))
        except LabConfigurationError:
            return None  # it was booted from a volume, or is shelved


def by_id(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["id"]: row for row in rows}


def digest_of_file(path: Path) -> str:
    """Size, and the hash of every block that is not all zeros with its place; holes are skipped, so that 5 GiB cost what is in them."""
    digest, size = hashlib.sha256(), path.stat().st_size
    zeros = bytes(_BLOCK)
    with path.open("rb") as file:
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // _BLOCK * _BLOCK
            except OSError:
                break  # nothing but a hole comes
            piece = os.pread(file.fileno(), _BLOCK, at)
            if piece != zeros[: len(piece)]:
                digest.update(at.to_bytes(8, "big") + hashlib.sha256(piece).digest())
            at += _BLOCK
    return f"{size}:{digest.hexdigest()}"
