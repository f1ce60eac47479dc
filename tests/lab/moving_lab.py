"""What the lab's clouds need besides nodes so that a tenant can move with its addresses."""

from tests.lab.conftest import TestLab

POOL = "203.0.113.0/24"


def ready_for_moves(lab: TestLab) -> None:
    """`new`'s external network has the range of `old`'s too, as of one line that both clouds hang on."""
    cloud = lab.cloud("new")
    public = cloud.network.find_network("public", ignore_missing=False)
    if any(subnet.cidr == POOL for subnet in cloud.network.subnets(network_id=public.id)):
        return
    cloud.network.create_subnet(
        name="public-of-old", network_id=public.id, ip_version=4, cidr=POOL, gateway_ip="203.0.113.1", is_dhcp_enabled=False,
        allocation_pools=[{"start": "203.0.113.251", "end": "203.0.113.254"}],
    )  # fmt: skip
