"""A Neutron that remembers: what is written is read again, bulk requests are all or nothing, and what a real one refuses is refused. Used by test_network_*.py."""

import copy
import ipaddress
import itertools
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from tests.simulated.neutron_actions import act
from tests.simulated.neutron_addresses import INTERFACES, allocate
from tests.simulated.neutron_rows import COLLECTIONS, RefusedError, new_row
from tests.simulated.server import Answer, Request, SimulatedCloud, _json

Row = dict[str, Any]
_NOT_FILTERS = {"limit", "marker", "fields", "sort_key", "sort_dir"}
OWN = {
    "id": None,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
    "revision_number": 1,
}


class SimulatedNeutron(SimulatedCloud):
    """`without` are attributes of extensions that it does not have; `steals` makes a port of Neutron's own take the first address of a new subnet;
    `refuses(collection, body)` may answer (status, message) for a new thing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[str, Row]] = {name: {} for name, _ in COLLECTIONS.values()}
        self.attached: set[str] = set()
        """ports that are interfaces of a router"""
        self.without: set[str] = set()
        self.steals = False
        self.refuses: Callable[[str, Row], tuple[int, str] | None] = lambda _collection, _body: None
        self._guard = threading.RLock()
        self._numbers = itertools.count(1)

    # -- for tests

    def put(self, path: str, **row: Any) -> str:
        """A thing that is there; answers its id."""
        with self._guard:
            return str(self._make(path, row)["id"])

    def table(self, path: str) -> dict[str, Row]:
        return self.tables[COLLECTIONS[path][0]]

    def posts(self, path: str) -> list[Request]:
        return [r for r in self.log if r.method == "POST" and r.service == "network" and r.path == f"/{path}"]

    # -- answering

    @override
    def _read(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        if request.service != "network" or not parts[0]:
            return super()._read(request)
        with self._guard:
            return self._guarded(lambda: self._found(parts, request.query))

    @override
    def _write(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        if request.service != "network":
            return super()._write(request)
        with self._guard:
            before = copy.deepcopy(self.tables)
            answer = self._guarded(lambda: self._change(request.method, parts, request.body))
            if answer[0] >= 400:
                self.tables = before
            return answer

    def _guarded(self, call: Callable[[], Any]) -> Answer:
        try:
            body = call()
        except RefusedError as refused:
            error = {"type": "Refused", "message": str(refused), "detail": ""}
            return refused.status, _json({"NeutronError": error}), {}
        return (204, b"", {}) if body is None else (200, _json(body), {})

    def _found(self, parts: list[str], query: Mapping[str, list[str]]) -> Any:
        if parts[0] == "quotas":
            return {
                "quota": {
                    "network": {"limit": 10, "used": 3, "reserved": 1},
                    "port": {"limit": -1, "used": 7},
                }
            }
        if parts[0] == "network-ip-availabilities":
            return {
                "network_ip_availabilities": [
                    self._availability(row) for row in self.table("networks").values()
                ]
            }
        path, rest = _split(parts)
        table, one = COLLECTIONS[path]
        if len(rest) == 2:  # port forwardings of a floating IP
            return {rest[1]: self.row(path, rest[0])[f"_{rest[1]}"]}
        if rest:
            return {one: self._seen(path, self.row(path, rest[0]), [])}
        if path == "security-groups":
            for project in query.get("project_id", []):
                self._default_group(project)
        rows = [row for row in self.tables[table].values() if self._passes(path, row, query)]
        marker = query.get("marker", [""])[0]
        if marker:
            rows = rows[[row["id"] for row in rows].index(marker) + 1 :]
        limit = min(int(query.get("limit", ["1000"])[0]), self.page_limit)
        links = [{"rel": "next", "href": "http://elsewhere/"}] if len(rows) > limit else []
        return {
            table: [self._seen(path, row, query.get("fields", [])) for row in rows[:limit]],
            f"{table}_links": links,
        }

    def _change(self, method: str, parts: list[str], body: Any) -> Any:
        path, rest = _split(parts)
        if not rest:
            return self._new(path, body)
        row = self.row(path, rest[0])
        if len(rest) > 1:
            return act(self, path, row, method, rest[1:], body)
        if method == "DELETE":
            return self._remove(path, row)
        return self._changed(path, row, body)

    def _new(self, path: str, body: Any) -> Any:
        table, one = COLLECTIONS[path]
        if table not in body:
            return {one: self._seen(path, self._make(path, body[one]), [])}
        if path == "security-group-rules" and len({rule["security_group_id"] for rule in body[table]}) > 1:
            raise RefusedError(400, "Only allowed to update rules for one security profile at a time")
        return {table: [self._seen(path, self._make(path, each), []) for each in body[table]]}

    def _changed(self, path: str, row: Row, body: Any) -> Any:
        one = COLLECTIONS[path][1]
        self._allowed(body[one])
        if path == "floatingips" and "port_id" in body[one]:
            row["fixed_ip_address"] = None
        if "external_gateway_info" in body[one]:
            body[one]["external_gateway_info"] = self._gateway(body[one]["external_gateway_info"])
        if "fixed_ips" in body[one]:
            for each in body[one][
                "fixed_ips"
            ]:  # as a real one: a port keeps the address that it has in a subnet
                had = next(
                    (ip["ip_address"] for ip in row["fixed_ips"] if ip["subnet_id"] == each["subnet_id"]),
                    None,
                )
                if had is not None:
                    each.setdefault("ip_address", had)
            allocate(self, row, body[one]["fixed_ips"])
        for pair in body[one].get("allowed_address_pairs", ()):
            pair.setdefault("mac_address", row["mac_address"])
        row.update(body[one])
        return {one: self._seen(path, row, [])}

    # -- making and removing

    def _make(self, path: str, body: Row) -> Row:
        refused = self.refuses(path, body)
        if refused:
            raise RefusedError(*refused)
        self._allowed(body)
        if path == "security-groups" and str(body.get("name", "")).lower() == "default":
            raise RefusedError(400, "Default security group already exists.")
        row = new_row(path, {**OWN, "id": self.new_id(), **body})
        if "project_id" in row:
            row["tenant_id"] = row["project_id"]
        fill = getattr(self, f"_fill_{COLLECTIONS[path][1]}", None)
        if fill is not None:
            fill(row, body)
        self.table(path)[row["id"]] = row
        if path == "subnets" and self.steals and row["enable_dhcp"]:
            address = row["allocation_pools"][0]["start"]
            self._make("ports", {"network_id": row["network_id"], "device_owner": "network:distributed", "project_id": row["project_id"],
                                 "fixed_ips": [{"subnet_id": row["id"], "ip_address": address}]})  # fmt: skip
        return row

    def _fill_network(self, row: Row, body: Row) -> None:
        self._default_group(row["project_id"])
        row["provider:segmentation_id"] = body.get("provider:segmentation_id", next(self._numbers))

    def _fill_subnet(self, row: Row, body: Row) -> None:
        self.row("networks", row["network_id"])
        if body.get("subnetpool_id") == "prefix_delegation":
            row["cidr"] = "::/64"
        net = ipaddress.ip_network(row["cidr"])
        if "gateway_ip" not in body:
            row["gateway_ip"] = str(net[1])
        row["allocation_pools"] = body.get("allocation_pools") or [
            {"start": str(net[2]), "end": str(net[-2])}
        ]

    def _fill_port(self, row: Row, body: Row) -> None:
        network = self.row("networks", row["network_id"])
        if row["device_owner"] in INTERFACES and row["device_id"] not in self.table("routers"):
            raise RefusedError(
                500, "'NoneType' object has no attribute 'get'"
            )  # is_ovn_provider_router in neutron/common/ovn/utils.py
        number = next(self._numbers)
        row["mac_address"] = body.get("mac_address") or f"fa:16:3e:00:{number // 256:02x}:{number % 256:02x}"
        if row["mac_address"] in {
            p["mac_address"] for p in self.table("ports").values() if p["network_id"] == network["id"]
        }:
            raise RefusedError(409, f"MAC address {row['mac_address']} is in use")
        allocate(self, row, row["fixed_ips"])
        for pair in row["allowed_address_pairs"]:
            pair.setdefault("mac_address", row["mac_address"])
        if str(row["device_owner"]).startswith("network:"):
            if body.get("security_groups") or row["allowed_address_pairs"]:
                raise RefusedError(400, "Port security must be enabled and port must have an IP address in order to use security groups.")  # fmt: skip
            row.update(port_security_enabled=False, security_groups=[])
        elif "security_groups" not in body:
            row["security_groups"] = [self._default_group(row["project_id"])]

    def _fill_security_group(self, row: Row, body: Row) -> None:
        del body
        if row["name"] != "default":
            self._default_group(row["project_id"])
        for ethertype in ("IPv4", "IPv6"):
            self._make("security-group-rules", {"security_group_id": row["id"], "direction": "egress", "ethertype": ethertype,
                                                "project_id": row["project_id"], "description": None})  # fmt: skip

    def _fill_security_group_rule(self, row: Row, body: Row) -> None:
        del body
        if (row["port_range_min"], row["port_range_max"]) == (1, 65535):
            row["port_range_min"] = row["port_range_max"] = None
        said = _meaning(row)
        if any(_meaning(each) == said for each in self.table("security-group-rules").values()):
            raise RefusedError(409, "Security group rule already exists.")

    def _fill_router(self, row: Row, body: Row) -> None:
        row["external_gateway_info"] = self._gateway(body.get("external_gateway_info"))

    def _fill_floatingip(self, row: Row, body: Row) -> None:
        del body
        taken = {each["floating_ip_address"] for each in self.table("floatingips").values()}
        if row["floating_ip_address"] in taken:
            raise RefusedError(409, f"The IP address {row['floating_ip_address']} is in use.")
        row["floating_ip_address"] = row["floating_ip_address"] or f"203.0.113.{next(self._numbers) + 100}"

    def _fill_trunk(self, row: Row, body: Row) -> None:
        del body
        if self.row("ports", row["port_id"])["device_id"]:
            raise RefusedError(409, "Parent port is bound")

    def _gateway(self, info: Row | None) -> Row | None:
        if not info:
            return None
        subnets = [s for s in self.table("subnets").values() if s["network_id"] == info["network_id"]]
        given = info.get("external_fixed_ips") or [
            {"subnet_id": subnets[0]["id"], "ip_address": f"203.0.113.{next(self._numbers) + 200}"}
        ]
        return {"enable_snat": True, **info, "external_fixed_ips": given}

    def _default_group(self, project: str) -> str:
        groups = self.table("security-groups")
        known = next(
            (g["id"] for g in groups.values() if g["project_id"] == project and g["name"] == "default"), None
        )
        if known is None:
            row = new_row(
                "security-groups",
                {
                    **OWN,
                    "id": self.new_id(),
                    "name": "default",
                    "project_id": project,
                    "description": "Default security group",
                },
            )
            groups[row["id"]] = row
            self._fill_security_group(row, row)
            for ethertype in ("IPv4", "IPv6"):
                self._make("security-group-rules", {"security_group_id": row["id"], "direction": "ingress", "ethertype": ethertype,
                                                    "remote_group_id": row["id"], "project_id": project})  # fmt: skip
            known = row["id"]
        return str(known)

    def _remove(self, path: str, row: Row) -> None:
        if path == "networks" and any(
            p["network_id"] == row["id"] and not p["device_owner"].startswith("network:d")
            for p in self.table("ports").values()
        ):
            raise RefusedError(409, "There are one or more ports still in use on the network")
        if (
            path == "ports"
            and row["device_owner"] in INTERFACES
            and row["device_id"] in self.table("routers")
        ):
            raise RefusedError(
                409,
                f"Port {row['id']} cannot be deleted directly via the port API: has device owner {row['device_owner']}.",
            )
        del self.table(path)[row["id"]]

    # -- looking

    def row(self, path: str, id: str) -> Row:
        if id not in self.table(path):
            raise RefusedError(404, f"{COLLECTIONS[path][1]} {id} could not be found")
        return self.table(path)[id]

    def _seen(self, path: str, row: Row, fields: list[str]) -> Row:
        row = {key: value for key, value in row.items() if key not in self.without}
        if path == "security-groups":
            row["security_group_rules"] = [
                r for r in self.table("security-group-rules").values() if r["security_group_id"] == row["id"]
            ]
        if path == "floatingips":
            row["port_forwardings"] = [
                {k: v for k, v in each.items() if k != "description" and not k.endswith("_range")}
                for each in row["_port_forwardings"]
            ]
        return {
            key: value
            for key, value in row.items()
            if (not fields or key in fields) and not key.startswith("_")
        }

    def _passes(self, path: str, row: Row, query: Mapping[str, list[str]]) -> bool:
        for key, values in query.items():
            if key in _NOT_FILTERS:
                continue
            if key == "fixed_ips":
                if values[0].removeprefix("ip_address=") not in [ip["ip_address"] for ip in row["fixed_ips"]]:
                    return False
            elif str(row.get(key)).lower() not in [value.lower() for value in values]:
                return False
        return True

    def _availability(self, network: Row) -> Row:
        subnets = [s for s in self.table("subnets").values() if s["network_id"] == network["id"]]
        told = [{"subnet_id": s["id"], "cidr": s["cidr"], "total_ips": 200, "used_ips": 20} for s in subnets]
        return {
            "network_id": network["id"],
            "total_ips": 200 * len(told),
            "used_ips": 20 * len(told),
            "subnet_ip_availability": told,
        }

    def _allowed(self, body: Row) -> None:
        unknown = sorted(self.without & body.keys())
        if unknown:
            raise RefusedError(400, f"Unrecognized attribute(s) '{', '.join(unknown)}'")

    def new_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{id(self)}-{next(self._numbers)}"))


def _split(parts: list[str]) -> tuple[str, list[str]]:
    return ("/".join(parts[:2]), parts[2:]) if parts[0] == "qos" else (parts[0], parts[1:])


def _meaning(rule: Row) -> list[str]:
    keys = (
        "security_group_id",
        "direction",
        "ethertype",
        "protocol",
        "port_range_min",
        "port_range_max",
        "remote_group_id",
        "remote_address_group_id",
    )
    prefix = rule["remote_ip_prefix"]
    return [*(str(rule.get(key)) for key in keys), str(None if prefix in ("0.0.0.0/0", "::/0") else prefix)]
