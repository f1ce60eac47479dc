"""The rich tenant's networks and what hangs on them, made by one of its members; what only an operator may make is made by the operator. Used by rich_tenant.py."""

import os
from dataclasses import dataclass, field
from typing import Any

from pumphouse.lab import Lab
from tests.lab.rich_asking import Asker
from tests.lab.rich_people import People
from tests.lab.rich_rules import FIRST_PORT, multiply_rule

MANY_RULES = int(os.environ.get("PUMPHOUSE_TEST_RULES", "150"))
"""Of one group. A thousand take the destination's Neutron two to three minutes of little else: that is for a run by hand, PUMPHOUSE_TEST_RULES=1000."""
FIXED = {
    "gateway": "203.0.113.177",
    "web": "203.0.113.180",
    "loose": "203.0.113.181",
    "forwarding": "203.0.113.182",
}


@dataclass
class Wires:
    """Ids by short name."""

    ids: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.ids[name]


class NetworkMaker:
    """Makes them one after the other: each needs what came before."""

    def __init__(self, people: People, ops: Asker, machine: Lab, cloud: str) -> None:
        self._machine, self._cloud_name = machine, cloud
        self._admin, self._ops, self._people = people.admin, ops, people
        self._project, self._name = people.project, people.name
        self.wires = Wires()

    def make(self, short: str, path: str, key: str, *, by: Asker | None = None, tags: tuple[str, ...] = (), **fields: Any) -> str:  # fmt: skip
        if by is self._admin:
            fields["project_id"] = self._project
        made = (by or self._ops).make("network", path, key, **fields)
        if tags:
            self._ops.put("network", f"{path}/{made}/tags", {"tags": list(tags)})
        self.wires.ids[short] = made
        return made

    def everything(self) -> Wires:
        self.policy()
        self.networks()
        self.pools()
        self.groups()
        self.many_rules()
        self.routers()
        self.ports()
        self.shares()
        self.floating_ips()
        return self.wires

    def policy(self) -> None:
        qos = self.make(
            "qos", "/qos/policies", "policy", by=self._admin, name=f"{self._name}-qos", description="slow"
        )
        limits = {"max_kbps": 5000, "max_burst_kbps": 4000, "direction": "egress"}
        base = f"/qos/policies/{qos}"
        self._admin.post("network", f"{base}/bandwidth_limit_rules", {"bandwidth_limit_rule": limits})
        self._admin.post("network", f"{base}/dscp_marking_rules", {"dscp_marking_rule": {"dscp_mark": 26}})
        self.make("qos2", "/qos/policies", "policy", by=self._admin, name="")

    def networks(self) -> None:
        """One rich, two of one name, one without a name or port security, one with a name of other letters."""
        name = self._name
        self.make(
            "net", "/networks", "network", by=self._admin, name=f"{name}-net", description="the main one", mtu=1400,
            qos_policy_id=self.wires["qos"], tags=("blue", "front"),
        )  # fmt: skip
        for number in (1, 2):
            self.make(
                f"twin{number}", "/networks", "network", name=f"{name}-twin", description=f"twin {number}"
            )
        self.make(
            "nameless", "/networks", "network", name="", port_security_enabled=False, admin_state_up=False
        )
        self.make("letters", "/networks", "network", name=f"{name}-сеть-网", description="für alle")
        self.make(
            "v4", "/subnets", "subnet", network_id=self.wires["net"], name=f"{name}-v4", ip_version=4,
            cidr="10.77.0.0/24", gateway_ip="10.77.0.254", description="main",
            allocation_pools=[{"start": "10.77.0.10", "end": "10.77.0.99"}, {"start": "10.77.0.150", "end": "10.77.0.200"}],
            host_routes=[{"destination": "172.30.0.0/16", "nexthop": "10.77.0.253"}, {"destination": "172.29.1.0/24", "nexthop": "10.77.0.252"}],
            dns_nameservers=["192.0.2.54", "192.0.2.53"], tags=("v4",),
        )  # fmt: skip
        six: dict[str, Any] = {"ip_version": 6, "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
        self.make("slaac", "/subnets", "subnet", network_id=self.wires["net"], name=f"{name}-slaac", cidr="fd00:77::/64", **six)  # fmt: skip
        self.make(
            "t1",
            "/subnets",
            "subnet",
            network_id=self.wires["twin1"],
            name="",
            ip_version=4,
            cidr="10.78.0.0/24",
        )
        self.make(
            "t2", "/subnets", "subnet", network_id=self.wires["twin2"], name=f"{name}-подсеть", ip_version=4,
            cidr="10.79.0.0/24", gateway_ip=None, enable_dhcp=False,
        )  # fmt: skip
        six = {"ip_version": 6, "ipv6_address_mode": "dhcpv6-stateful", "ipv6_ra_mode": "dhcpv6-stateful"}
        self.make("stateful", "/subnets", "subnet", network_id=self.wires["letters"], name="stateful", cidr="fd00:78::/64", **six)  # fmt: skip

    def pools(self) -> None:
        scope = self.make(
            "scope", "/address-scopes", "address_scope", name=f"{self._name}-scope", ip_version=4
        )
        pool = self.make(
            "pool", "/subnetpools", "subnetpool", name=f"{self._name}-pool", description="ours",
            prefixes=["10.90.0.0/16", "10.92.0.0/16"], default_prefixlen=24, min_prefixlen=20, max_prefixlen=28,
            default_quota=4096, address_scope_id=scope,
        )  # fmt: skip
        self.make("pooled_net", "/networks", "network", name=f"{self._name}-pooled")
        self.make("pooled", "/subnets", "subnet", network_id=self.wires["pooled_net"], name="pooled", ip_version=4, subnetpool_id=pool)  # fmt: skip

    def groups(self) -> None:
        """Two of one name, of which one is stateless; one without a name; rules of every kind; the default one changed."""
        friends = self.make(
            "friends", "/address-groups", "address_group", name=f"{self._name}-friends", description="friends",
            addresses=["198.51.100.0/24", "192.0.2.1/32", "2001:db8::/48"],
        )  # fmt: skip
        name = f"{self._name}-web"
        web = self.make(
            "web", "/security-groups", "security_group", name=name, description="one", tags=("sg",)
        )
        other = self.make(
            "web2", "/security-groups", "security_group", name=name, description="two", stateful=False
        )
        self.make("nameless_group", "/security-groups", "security_group", name="")
        default = self._ops.get("network", f"/security-groups?name=default&project_id={self._project}")
        self.wires.ids["default"] = default["security_groups"][0]["id"]
        for rule in default["security_groups"][0]["security_group_rules"]:
            if rule["direction"] == "ingress" and rule["ethertype"] == "IPv6":
                self._ops.ask("DELETE", "network", f"/security-group-rules/{rule['id']}")
        ingress = {"security_group_id": web, "direction": "ingress"}
        self.rules(
            {**ingress, "protocol": "tcp", "port_range_min": 8000, "port_range_max": 8099, "remote_ip_prefix": "0.0.0.0/0", "description": "höhere"},
            {**ingress, "protocol": "udp", "port_range_min": 53, "port_range_max": 53, "ethertype": "IPv6", "remote_ip_prefix": "2001:db8::/32"},
            {**ingress, "protocol": "icmp", "port_range_min": 8, "port_range_max": 0},
            {**ingress, "protocol": "ipv6-icmp", "ethertype": "IPv6", "port_range_min": 128},
            {**ingress, "protocol": "132"},
            {**ingress, "protocol": None, "remote_group_id": web},
            {**ingress, "remote_group_id": other, "protocol": "tcp"},
            {**ingress, "remote_address_group_id": friends, "protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
            {"security_group_id": web, "direction": "egress", "protocol": "tcp", "port_range_min": 1, "port_range_max": 65535, "remote_ip_prefix": "198.51.100.7/32"},
            {"security_group_id": other, "direction": "ingress", "remote_group_id": web},
            {"security_group_id": self.wires["default"], "direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
        )  # fmt: skip

    def rules(self, *rows: dict[str, Any]) -> None:
        """One request for each group: Neutron takes no more at once."""
        for group in {row["security_group_id"] for row in rows}:
            body = {"security_group_rules": [row for row in rows if row["security_group_id"] == group]}
            self._ops.post("network", "/security-group-rules", body)

    def many_rules(self) -> None:
        group = self.make("many", "/security-groups", "security_group", name=f"{self._name}-many")
        row = {
            "security_group_id": group, "direction": "ingress", "protocol": "tcp", "port_range_min": FIRST_PORT,
            "port_range_max": FIRST_PORT, "remote_ip_prefix": "10.0.0.0/16",
        }  # fmt: skip
        made = self._ops.make("network", "/security-group-rules", "security_group_rule", **row)
        multiply_rule(self._machine.layout.mysql_socket, f"{self._cloud_name}_neutron", made, MANY_RULES)

    def routers(self) -> None:
        public = self._admin.get("network", "/networks?name=public")["networks"][0]
        subnet = public["subnets"][0]
        self.wires.ids["public"], self.wires.ids["public_subnet"] = public["id"], subnet
        gateway = {
            "network_id": public["id"],
            "enable_snat": False,
            "external_fixed_ips": [{"subnet_id": subnet, "ip_address": FIXED["gateway"]}],
        }
        router = self.make(
            "router", "/routers", "router", by=self._admin, name=f"{self._name}-router", description="out",
            external_gateway_info=gateway, tags=("edge",),
        )  # fmt: skip
        self.make("lone_router", "/routers", "router", name="", admin_state_up=False)
        for subnet in ("v4", "slaac"):
            self._ops.put(
                "network", f"/routers/{router}/add_router_interface", {"subnet_id": self.wires[subnet]}
            )
        leg = self.make(
            "leg", "/ports", "port", network_id=self.wires["twin2"], name=f"{self._name}-leg",
            fixed_ips=[{"subnet_id": self.wires["t2"], "ip_address": "10.79.0.77"}],
        )  # fmt: skip
        self._ops.put("network", f"/routers/{router}/add_router_interface", {"port_id": leg})
        routes = [
            {"destination": "172.31.0.0/16", "nexthop": "10.77.0.50"},
            {"destination": "192.168.0.0/24", "nexthop": "10.79.0.9"},
        ]
        self._ops.put("network", f"/routers/{router}", {"router": {"routes": routes}})

    def ports(self) -> None:
        wires = self.wires
        both = [wires["web"], wires["web2"]]
        self.make(
            "web_port", "/ports", "port", network_id=wires["net"], name=f"{self._name}-web-port",
            mac_address="fa:16:3e:77:00:01", security_groups=[wires["web"]], description="öffentlich",
            fixed_ips=[{"subnet_id": wires["v4"], "ip_address": "10.77.0.20"}, {"subnet_id": wires["v4"], "ip_address": "10.77.0.160"}],
        )  # fmt: skip
        self.make(
            "vip", "/ports", "port", by=self._admin, network_id=wires["net"], name=f"{self._name}-vip", security_groups=both[:1],
            mac_address="fa:16:3e:77:00:02", qos_policy_id=wires["qos2"],
            fixed_ips=[{"subnet_id": wires["v4"], "ip_address": "10.77.0.30"}, {"subnet_id": wires["v4"], "ip_address": "10.77.0.31"}],
            allowed_address_pairs=[{"ip_address": "10.77.0.40", "mac_address": "00:00:5e:00:01:01"}, {"ip_address": "10.200.0.0/16"}],
            extra_dhcp_opts=[{"opt_name": "bootfile-name", "opt_value": "pxelinux.0"}, {"opt_name": "mtu", "opt_value": "1350", "ip_version": 4}],
            tags=("vip", "ha"),
        )  # fmt: skip
        self.make("bare_port", "/ports", "port", network_id=wires["twin1"], name="", security_groups=[], port_security_enabled=False, admin_state_up=False)  # fmt: skip
        self.make(
            "six_port", "/ports", "port", network_id=wires["letters"], name="шесть", security_groups=both[1:]
        )
        parent = self.make("parent", "/ports", "port", network_id=wires["twin1"], name=f"{self._name}-parent")
        subs = []
        for number, network in ((101, "pooled_net"), (102, "twin2")):
            sub = self.make(f"sub{number}", "/ports", "port", network_id=wires[network], name=f"sub-{number}")
            subs.append({"port_id": sub, "segmentation_id": number, "segmentation_type": "vlan"})
        self.make("trunk", "/trunks", "trunk", port_id=parent, name=f"{self._name}-trunk", description="two", sub_ports=subs, tags=("t",))  # fmt: skip

    def shares(self) -> None:
        """The operator's own project gets four things of the tenant."""
        other = self._admin.cloud.current_project_id
        for kind, thing, action in (
            ("network", "letters", "access_as_shared"),
            ("security_group", "web", "access_as_shared"),
            ("qos_policy", "qos", "access_as_shared"),
            ("address_scope", "scope", "access_as_shared"),
        ):
            self.make(
                f"share {kind}", "/rbac-policies", "rbac_policy", by=self._admin, object_type=kind, object_id=self.wires[thing],
                action=action, target_tenant=other,
            )  # fmt: skip

    def floating_ips(self) -> None:
        for short, address in list(FIXED.items())[1:]:
            port = (
                {"port_id": self.wires["web_port"], "fixed_ip_address": "10.77.0.160"}
                if short == "web"
                else {}
            )
            self.make(
                f"ip {short}", "/floatingips", "floatingip", by=self._admin, floating_network_id=self.wires["public"],
                floating_ip_address=address, description=f"for {short}", tags=(short,), **port,
            )  # fmt: skip
        path = f"/floatingips/{self.wires['ip forwarding']}/port_forwardings"
        for outer, inner, protocol in ((2222, 22, "tcp"), (53, 5353, "udp")):
            row = {
                "protocol": protocol, "external_port": outer, "internal_port": inner, "description": f"to {inner}",
                "internal_port_id": self.wires["vip"], "internal_ip_address": "10.77.0.31",
            }  # fmt: skip
            self._ops.post("network", path, {"port_forwarding": row})
