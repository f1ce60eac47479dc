"""How each kind of contents is made from a row and removed again; furnishing.py calls them. What a call that was cut off has left is completed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.drivers.openstack.transport import Transport

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FurnishingForm:
    """`make` answers the id; `clear` is no error where there is nothing of that name."""

    make: Callable[[Transport, Row], str]
    clear: Callable[[Transport, str], None]


def _flavor(http: Transport, row: Row) -> str:
    there = _flavor_named(http, row["name"])
    wanted = {
        "vcpus": row["vcpus"],
        "ram": row["ram_mib"],
        "disk": row["disk_gib"],
        "OS-FLV-EXT-DATA:ephemeral": row["ephemeral_gib"],
        "swap": row["swap_mib"],
        "rxtx_factor": row["rxtx_factor"],
    }
    if there is None:
        body = {
            **wanted,
            "name": row["name"],
            "os-flavor-access:is_public": row["public"],
            "description": row["description"] or None,
        }
        made = http.write("compute", "POST", "/flavors", json={"flavor": body}, microversion="2.61")
        there = made["flavor"]
    else:
        _hold("flavor", row["name"], {**there, "swap": there["swap"] or 0}, wanted)
    missing = _missing("flavor", row["name"], there.get("extra_specs") or {}, row["extra_specs"])
    if missing:
        path = f"/flavors/{there['id']}/os-extra_specs"
        http.write("compute", "POST", path, json={"extra_specs": missing}, microversion="2.61")
    return str(there["id"])


def _clear_flavor(http: Transport, name: str) -> None:
    there = _flavor_named(http, name)
    if there is not None:
        http.delete("compute", f"/flavors/{there['id']}", microversion="2.61")


def _flavor_named(http: Transport, name: str) -> dict[str, Any] | None:
    params = {"is_public": "None"}
    rows = http.rows("compute", "/flavors/detail", "flavors", params=params, microversion="2.61")
    return next((r for r in rows if r["name"] == name), None)


def _volume_type(http: Transport, row: Row) -> str:
    there = _type_named(http, row["name"])
    if there is None:
        body = {
            "name": row["name"],
            "description": row["description"],
            "os-volume-type-access:is_public": row["public"],
            "extra_specs": row["extra_specs"],
        }
        there = http.write("block-storage", "POST", "/types", json={"volume_type": body})["volume_type"]
    else:
        missing = _missing("volume type", row["name"], there.get("extra_specs") or {}, row["extra_specs"])
        if missing:
            http.write(
                "block-storage", "POST", f"/types/{there['id']}/extra_specs", json={"extra_specs": missing}
            )
    if row["qos"]:
        _qos(http, str(there["id"]), row["qos"])
    if row["encryption"]:
        _encryption(http, str(there["id"]), row["encryption"])
    return str(there["id"])


def _qos(http: Transport, type_id: str, wanted: Row) -> None:
    rows = http.rows("block-storage", "/qos-specs", "qos_specs")
    there = next((r for r in rows if r["name"] == wanted["name"]), None)
    if there is None:
        body = {"name": wanted["name"], "consumer": wanted["consumer"], **wanted["specs"]}
        there = http.write("block-storage", "POST", "/qos-specs", json={"qos_specs": body})["qos_specs"]
    else:
        _hold("QoS", wanted["name"], there, {"consumer": wanted["consumer"], "specs": wanted["specs"]})
    # associating is a GET in Cinder's API
    http.get("block-storage", f"/qos-specs/{there['id']}/associate", params={"vol_type_id": type_id})


def _encryption(http: Transport, type_id: str, wanted: Row) -> None:
    there = http.get("block-storage", f"/types/{type_id}/encryption")
    if there.get("provider"):
        return
    http.write("block-storage", "POST", f"/types/{type_id}/encryption", json={"encryption": dict(wanted)})


def _clear_volume_type(http: Transport, name: str) -> None:
    there = _type_named(http, name)
    if there is None:
        return
    specs = there.get("qos_specs_id")
    http.delete("block-storage", f"/types/{there['id']}")
    if specs:
        left = http.get("block-storage", f"/qos-specs/{specs}/associations")["qos_associations"]
        if not left:
            http.delete("block-storage", f"/qos-specs/{specs}")


def _type_named(http: Transport, name: str) -> dict[str, Any] | None:
    rows = http.rows("block-storage", "/types", "volume_types", params={"is_public": "None"})
    return next((r for r in rows if r["name"] == name), None)


def _aggregate(http: Transport, row: Row) -> str:
    there = _aggregate_named(http, row["name"])
    if there is None:
        body = {"name": row["name"], "availability_zone": row["zone"] or None}
        made = http.write("compute", "POST", "/os-aggregates", json={"aggregate": body}, microversion="2.1")
        there = {"metadata": {}, **made["aggregate"]}
    else:
        _hold("aggregate", row["name"], {"zone": there.get("availability_zone") or ""}, {"zone": row["zone"]})
    missing = _missing("aggregate", row["name"], there.get("metadata") or {}, row["metadata"])
    if missing:
        path = f"/os-aggregates/{there['id']}/action"
        http.write("compute", "POST", path, json={"set_metadata": {"metadata": missing}}, microversion="2.1")
    return str(there["id"])


def _clear_aggregate(http: Transport, name: str) -> None:
    there = _aggregate_named(http, name)
    if there is not None:
        http.delete("compute", f"/os-aggregates/{there['id']}", microversion="2.1")


def _aggregate_named(http: Transport, name: str) -> dict[str, Any] | None:
    rows = http.get("compute", "/os-aggregates", microversion="2.1")["aggregates"]
    return next((r for r in rows if r["name"] == name), None)


def _external_network(http: Transport, row: Row) -> str:
    there = _network_named(http, row["name"])
    wanted = {"provider:network_type": row["type"], "provider:physical_network": row["physical_network"]}
    if there is None:
        body = {
            **{name: value for name, value in wanted.items() if value},
            "name": row["name"],
            "description": row["description"],
            "router:external": True,
            "shared": row["shared"],
            **({"provider:segmentation_id": row["segment"]} if row["segment"] else {}),
            **({"mtu": row["mtu"]} if row["mtu"] else {}),
            **({"is_default": True} if row["default"] else {}),
        }
        there = http.write("network", "POST", "/networks", json={"network": body})["network"]
    else:
        _hold("external network", row["name"], there, {k: v for k, v in wanted.items() if v})
    present = http.rows("network", "/subnets", "subnets", params={"network_id": str(there["id"])})
    known = {subnet["cidr"] for subnet in present}
    for subnet in row["subnets"]:
        if subnet["cidr"] not in known:
            _subnet(http, str(there["id"]), subnet)
    return str(there["id"])


def _subnet(http: Transport, network_id: str, row: Row) -> None:
    body = {
        "network_id": network_id,
        "name": row["name"],
        "description": row["description"],
        "ip_version": row["ip_version"],
        "cidr": row["cidr"],
        "gateway_ip": row["gateway"],
        "enable_dhcp": row["dhcp"],
        "allocation_pools": row["pools"],
        "dns_nameservers": row["dns_servers"],
        "host_routes": row["routes"],
    }
    http.write("network", "POST", "/subnets", json={"subnet": body})


def _clear_external_network(http: Transport, name: str) -> None:
    there = _network_named(http, name)
    if there is not None:
        http.delete("network", f"/networks/{there['id']}")


def _network_named(http: Transport, name: str) -> dict[str, Any] | None:
    params = {"name": name, "router:external": "true"}
    return next(iter(http.rows("network", "/networks", "networks", params=params)), None)


def _role(http: Transport, row: Row) -> str:
    there = _role_named(http, row["name"])
    if there is None:
        body = {"name": row["name"], "description": row["description"]}
        if row["immutable"]:
            body["options"] = {"immutable": True}
        there = http.write("identity", "POST", "/roles", json={"role": body})["role"]
    return str(there["id"])


def _clear_role(http: Transport, name: str) -> None:
    there = _role_named(http, name)
    if there is None:
        return
    if (there.get("options") or {}).get("immutable"):
        body = {"role": {"options": {"immutable": False}}}
        http.write("identity", "PATCH", f"/roles/{there['id']}", json=body)
    http.delete("identity", f"/roles/{there['id']}")


def _role_named(http: Transport, name: str) -> dict[str, Any] | None:
    return next(iter(http.rows("identity", "/roles", "roles", params={"name": name})), None)


def _implied_role(http: Transport, row: Row) -> str:
    prior, implied = _needed_role(http, row["prior"]), _needed_role(http, row["implied"])
    path = f"/roles/{prior['id']}/implies/{implied['id']}"
    try:
        http.get("identity", path)
    except NotFoundError:
        http.write("identity", "PUT", path)
    return f"{prior['id']}/{implied['id']}"


def _needed_role(http: Transport, name: str) -> dict[str, Any]:
    found = _role_named(http, name)
    if found is None:
        raise NotFoundError("role", name, hint="it is furnished with the roles")
    return found


def _clear_implied_role(http: Transport, name: str) -> None:
    before, _, after = name.partition(" -> ")
    prior, implied = _role_named(http, before), _role_named(http, after)
    if prior is not None and implied is not None:
        http.delete("identity", f"/roles/{prior['id']}/implies/{implied['id']}")


def _domain(http: Transport, row: Row) -> str:
    there = _domain_named(http, row["name"])
    if there is None:
        body = {"name": row["name"], "description": row["description"], "enabled": row["enabled"]}
        there = http.write("identity", "POST", "/domains", json={"domain": body})["domain"]
    return str(there["id"])


def _clear_domain(http: Transport, name: str) -> None:
    there = _domain_named(http, name)
    if there is None:
        return
    # Keystone deletes only disabled ones
    http.write("identity", "PATCH", f"/domains/{there['id']}", json={"domain": {"enabled": False}})
    http.delete("identity", f"/domains/{there['id']}")


def _domain_named(http: Transport, name: str) -> dict[str, Any] | None:
    return next(iter(http.rows("identity", "/domains", "domains", params={"name": name})), None)


def _quota(http: Transport, row: Row) -> str:
    service = {"nova": "compute", "cinder": "block-storage"}.get(row["name"])
    if service is None:
        raise ConflictError(
            f"the default quotas of {row['name']} cannot be set through its API",
            hint="they stand in its configuration: let the deployer set them with --set quota.neutron.NAME=NUMBER",
        )
    body = {"quota_class_set": dict(row["limits"])}
    version = "2.57" if service == "compute" else ""
    http.write(service, "PUT", "/os-quota-class-sets/default", json=body, microversion=version)
    return str(row["name"])


def _clear_quota(http: Transport, name: str) -> None:
    """There are always some: whoever has set them sets those before again."""
    del http, name


def _hold(what: str, name: str, there: Row, wanted: Row) -> None:
    wrong = [key for key, value in wanted.items() if there.get(key) != value]
    if wrong:
        raise ConflictError(
            f"there is another {what} {name}: its {', '.join(wrong)} differ", hint="rename one of the two"
        )


def _missing(what: str, name: str, there: Row, wanted: Row) -> dict[str, Any]:
    _hold(what, name, there, {key: value for key, value in wanted.items() if key in there})
    return {key: value for key, value in wanted.items() if key not in there}


FORMS: Final[Mapping[str, FurnishingForm]] = {
    "flavor": FurnishingForm(_flavor, _clear_flavor),
    "volume_type": FurnishingForm(_volume_type, _clear_volume_type),
    "aggregate": FurnishingForm(_aggregate, _clear_aggregate),
    "external_network": FurnishingForm(_external_network, _clear_external_network),
    "role": FurnishingForm(_role, _clear_role),
    "implied_role": FurnishingForm(_implied_role, _clear_implied_role),
    "domain": FurnishingForm(_domain, _clear_domain),
    "quota": FurnishingForm(_quota, _clear_quota),
}
