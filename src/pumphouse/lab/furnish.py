"""What a fresh cloud gets before anybody uses it: a volume type and a public network. Called by `bringup`."""

from pumphouse.lab.identity import CloudClient
from pumphouse.lab.layout import Layout

PUBLIC_RANGES = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "198.18.0.0/24")
VOLUME_TYPE = "nfs"


def add_volume_type(layout: Layout, index: int, client: CloudClient) -> None:
    url = f"{layout.url(index, 'cinder-api')}/v3/{client.project_id}/types"
    if not any(row["name"] == VOLUME_TYPE for row in client.get(url)["volume_types"]):
        specs = {"volume_backend_name": "nfs"}
        client.post(url, {"volume_type": {"name": VOLUME_TYPE, "extra_specs": specs}})


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
