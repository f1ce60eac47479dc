"""What the simulated Neutron does on `/COLLECTION/ID/ACTION`: interfaces of routers, tags, subports, rules of policies, port forwardings. Used by neutron.py."""

from typing import TYPE_CHECKING, Any

from tests.simulated.neutron_rows import RefusedError, Row

if TYPE_CHECKING:
    from tests.simulated.neutron import SimulatedNeutron


def act(cloud: "SimulatedNeutron", path: str, row: Row, method: str, rest: list[str], body: Any) -> Any:
    named = globals().get(f"_{rest[0]}")
    if named is not None:
        return named(cloud, row, body)
    key = "rules" if path == "qos/policies" else f"_{rest[0]}"
    if method == "DELETE":
        row[key] = [each for each in row[key] if each["id"] != rest[1]]
        return None
    made = {"id": cloud.new_id(), **next(iter(body.values()))}
    if path == "qos/policies":
        made["type"] = rest[0].removesuffix("_rules")
    else:
        _forwarded(cloud, row, made)
    row[key].append(made)
    return {key: made}


def _forwarded(cloud: "SimulatedNeutron", row: Row, made: Row) -> None:
    if row["port_id"]:
        raise RefusedError(409, "floating IP already has a port")
    for side in ("external_port", "internal_port"):
        if side in made:
            made[f"{side}_range"] = f"{made[side]}:{made[side]}"
        made.setdefault(side, None)
    port = cloud.row("ports", made["internal_port_id"])
    made.setdefault("internal_ip_address", port["fixed_ips"][0]["ip_address"])


def _tags(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    del cloud
    row["tags"] = list(body["tags"])
    return {"tags": row["tags"]}


def _add_router_interface(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    port = cloud.row("ports", body["port_id"])
    if port["device_id"]:
        raise RefusedError(409, f"port {port['id']} is in use")
    cloud.attached.add(port["id"])
    port.update(device_id=row["id"], device_owner="network:router_interface")
    return {"id": row["id"], "port_id": port["id"]}


def _remove_router_interface(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    if row["routes"]:
        raise RefusedError(409, "router interface is required by one or more routes")
    if body["port_id"] not in cloud.attached:
        raise RefusedError(404, f"router {row['id']} has no interface {body['port_id']}")
    del cloud.table("ports")[cloud.row("ports", body["port_id"])["id"]]
    return {"id": row["id"]}


def _add_addresses(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    del cloud
    row["addresses"] = sorted({*row["addresses"], *body["address_group"]["addresses"]})
    return {"address_group": row}


def _remove_addresses(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    del cloud
    row["addresses"] = sorted({*row["addresses"]} - {*body["address_group"]["addresses"]})
    return {"address_group": row}


def _add_subports(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    del cloud
    row["sub_ports"] += body["sub_ports"]
    return row


def _remove_subports(cloud: "SimulatedNeutron", row: Row, body: Any) -> Any:
    del cloud
    gone = {each["port_id"] for each in body["sub_ports"]}
    row["sub_ports"] = [each for each in row["sub_ports"] if each["port_id"] not in gone]
    return row
