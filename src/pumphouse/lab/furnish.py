"""What a fresh cloud gets before anybody uses it: a volume type per backend, a public network, quotas of volumes. Called by `bringup`."""

from collections.abc import Iterable, Mapping

from pumphouse.lab.identity import CloudClient
from pumphouse.lab.layout import Layout

PUBLIC_RANGES = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "198.18.0.0/24")


def add_volume_types(layout: Layout, index: int, client: CloudClient, backends: Iterable[str]) -> None:
    """One per backend, with its name."""
    url = f"{layout.url(index, 'cinder-api')}/v3/{client.project_id}/types"
    present = {row["name"] for row in client.get(url)["volume_types"]}
    for name in backends:
        if name not in present:
            specs = {"volume_backend_name": name}
            client.post(url, {"volume_type": {"name": name, "extra_specs": specs}})


def set_volume_quotas(layout: Layout, index: int, client: CloudClient, quotas: Mapping[str, int]) -> None:
    """Cinder's migrations write default quotas into its database, and these count, not those of cinder.conf."""
    if quotas:
        url = f"{layout.url(index, 'cinder-api')}/v3/{client.project_id}/os-quota-class-sets/default"
        client.put(url, {"quota_class_set": dict(quotas)})


def add_public_network(layout: Layout, index: int, client: CloudClient) -> None:
    url = layout.url(index, "neutron") + "/v2.0"
    found = client.get(f"{url}/networks", name="public")["networks"]
    if found and found[0]["subnets"]:
        return
    network = {
        "name": "public",
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": "public",
    }
    made = found[0] if found else client.post(f"{url}/networks", {"network": network})["network"]
    subnet = {
        "name": "public-v4",
        "network_id": made["id"],
        "ip_version": 4,
        "cidr": PUBLIC_RANGES[index],
        "enable_dhcp": False,
    }
    client.post(f"{url}/subnets", {"subnet": subnet})
