"""What the simulated cloud contains: rows as the real services give them, made from numbers, so that any size costs nothing to describe."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

PROJECT = "97feb80359d5466fb07be4fb1077c2cc"
STATUSES = ("ACTIVE",) * 14 + ("SHUTOFF",) * 4 + ("PAUSED", "VERIFY_RESIZE")
NAMESPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
VCPUS, RAM_MIB, DISK_GB = 64, 262144, 4000


def uid(kind: str, number: int) -> str:
    """The same uuid for the same thing in every run."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}-{number}"))


@dataclass
class Content:
    """A cloud with so many nodes and servers. `full_nodes` have no memory left, as Placement sees them."""

    nodes: int = 3
    servers: int = 12
    full_nodes: int = 0
    nova_maximum: str = "2.95"
    networks: int = 3
    flavors: int = 5
    aggregates: int = 1

    @cached_property
    def provider_numbers(self) -> dict[str, int]:
        return {uid("node", n): n for n in range(self.nodes)}

    @cached_property
    def server_numbers(self) -> dict[str, int]:
        return {uid("server", n): n for n in range(self.servers)}

    def node_name(self, number: int) -> str:
        return f"node-{number + 1}"

    def service(self, number: int) -> dict[str, Any]:
        return {
            "id": uid("service", number), "binary": "nova-compute", "host": self.node_name(number), "zone": "nova", "status": "enabled",
            "state": "up", "updated_at": "2026-11-22T17:54:58.000000", "disabled_reason": None, "forced_down": False,
        }  # fmt: skip

    def hypervisor(self, number: int) -> dict[str, Any]:
        features = [
            "aes",
            "apic",
            "avx",
            "avx2",
            "bmi1",
            "bmi2",
            "clflush",
            "cmov",
            "cx16",
            "cx8",
            "de",
            "fma",
            "fpu",
            "fxsr",
        ] * 6
        return {
            "id": uid("node", number), "hypervisor_hostname": f"{self.node_name(number)}.example.org", "state": "up", "status": "enabled",
            "vcpus": VCPUS, "memory_mb": RAM_MIB, "local_gb": DISK_GB, "vcpus_used": 0, "memory_mb_used": 512, "local_gb_used": 0,
            "hypervisor_type": "QEMU", "hypervisor_version": 8002000, "free_ram_mb": RAM_MIB, "free_disk_gb": DISK_GB, "current_workload": 0,
            "running_vms": 0, "disk_available_least": DISK_GB, "host_ip": "10.0.0.1",
            "service": {"id": uid("service", number), "host": self.node_name(number), "disabled_reason": None},
            "cpu_info": {"arch": "x86_64", "model": "Icelake-Server", "vendor": "Intel", "features": features,
                         "topology": {"cells": 2, "sockets": 1, "cores": 16, "threads": 2}},
        }  # fmt: skip

    def server(self, number: int) -> dict[str, Any]:
        server_id = uid("server", number)
        status = STATUSES[number % len(STATUSES)]
        return {
            "id": server_id, "name": f"server-{number}", "status": status, "tenant_id": PROJECT, "user_id": PROJECT, "metadata": {},
            "hostId": uid("host", number % max(1, self.nodes)), "image": {"id": uid("image", number % 7), "links": []},
            "flavor": {"vcpus": 2, "ram": 2048, "disk": 20, "ephemeral": 0, "swap": 0, "original_name": f"m1.{number % 5}",
                       "extra_specs": {"hw:mem_page_size": "any"}},
            "created": "2026-11-20T10:00:00Z", "updated": "2026-11-20T10:00:10Z", "addresses": {"private": [
                {"version": 4, "addr": "10.0.0.5", "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"}]},
            "accessIPv4": "", "accessIPv6": "", "links": [{"rel": "self", "href": f"http://127.0.0.1/v2.1/servers/{server_id}"}],
            "OS-DCF:diskConfig": "AUTO", "progress": 0, "OS-EXT-AZ:availability_zone": "nova", "config_drive": "", "key_name": "key",
            "OS-SRV-USG:launched_at": "2026-11-20T10:00:10.000000", "OS-SRV-USG:terminated_at": None,
            "security_groups": [{"name": "default"}], "OS-EXT-SRV-ATTR:host": self.node_name(number % self.nodes) if self.nodes else None,
            "OS-EXT-SRV-ATTR:instance_name": f"instance-{number:08x}", "OS-EXT-SRV-ATTR:hypervisor_hostname": "x",
            "OS-EXT-SRV-ATTR:hostname": f"server-{number}", "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda", "OS-EXT-SRV-ATTR:user_data": None,
            "OS-EXT-STS:task_state": None, "OS-EXT-STS:vm_state": status.lower(), "OS-EXT-STS:power_state": 1,
            "os-extended-volumes:volumes_attached": [{"id": uid("volume", number), "delete_on_termination": False}] if number % 3 == 0 else [],
            "locked": number % 50 == 0, "description": None, "tags": [], "trusted_image_certificates": None, "server_groups": [],
        }  # fmt: skip

    def inventories(self, number: int) -> dict[str, Any]:
        def held(total: int, ratio: float, reserved: int = 0) -> dict[str, Any]:
            return {
                "total": total,
                "reserved": reserved,
                "allocation_ratio": ratio,
                "min_unit": 1,
                "max_unit": total,
                "step_size": 1,
            }

        return {"VCPU": held(VCPUS, 4.0), "MEMORY_MB": held(RAM_MIB, 1.0, 512), "DISK_GB": held(DISK_GB, 1.0)}

    def usages(self, number: int) -> dict[str, int]:
        here = len(range(number, self.servers, self.nodes))
        memory = RAM_MIB - 512 if number < self.full_nodes else here * 2048
        return {"VCPU": here * 2, "MEMORY_MB": memory, "DISK_GB": here * 20}

    def summaries(self) -> dict[str, Any]:
        found = {}
        for number in range(self.full_nodes, self.nodes):
            used = self.usages(number)
            resources = {
                name: {
                    "capacity": int((row["total"] - row["reserved"]) * row["allocation_ratio"]),
                    "used": used[name],
                }
                for name, row in self.inventories(number).items()
            }
            found[uid("node", number)] = {
                "resources": resources,
                "traits": ["COMPUTE_NODE", "HW_CPU_X86_AVX2"],
                "parent_provider_uuid": None,
            }
        return found

    def lists(self) -> Mapping[tuple[str, str], tuple[int, Callable[[int], dict[str, Any]]]]:
        """(service, path) -> how many rows, and how to make one; the last part of the answer's key is in `KEYS`."""
        return {
            ("compute", "/os-hypervisors/detail"): (self.nodes, self.hypervisor),
            ("compute", "/servers/detail"): (self.servers, self.server),
            ("compute", "/servers"): (
                self.servers,
                lambda n: {"id": uid("server", n), "name": f"server-{n}", "links": []},
            ),
            ("network", "/agents"): (self.nodes, self._agent),
            ("network", "/networks"): (self.networks, self._network),
            ("compute", "/flavors/detail"): (self.flavors, self._flavor),
        }

    def _agent(self, number: int) -> dict[str, Any]:
        return {
            "id": uid("agent", number), "binary": "ovn-controller", "host": self.node_name(number), "availability_zone": "",
            "admin_state_up": True, "alive": True, "heartbeat_timestamp": "2026-11-22 17:54:58", "configurations": {},
        }  # fmt: skip

    def _network(self, number: int) -> dict[str, Any]:
        return {
            "id": uid("network", number),
            "name": f"network-{number}",
            "provider:network_type": "geneve",
            "provider:physical_network": None,
            "provider:segmentation_id": number + 1,
            "mtu": 1442,
            "router:external": number % 100 == 99,
            "shared": False,
        }

    def aggregate_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "id": n + 1,
                "name": f"rack-{n + 1}",
                "hosts": [self.node_name(h) for h in range(n, self.nodes, self.aggregates)]
                if self.aggregates > 1
                else ["node-1"],
                "metadata": {"rack": str(n + 1)},
                "availability_zone": None,
            }
            for n in range(self.aggregates)
        ]

    def _flavor(self, number: int) -> dict[str, Any]:
        return {"id": str(number), "name": f"m1.{number}", "vcpus": 2, "ram": 2048, "disk": 20, "swap": ""}


KEYS = {"/os-hypervisors/detail": "hypervisors", "/servers/detail": "servers", "/flavors/detail": "flavors"}
