"""The compute maintenance mode test (patch set 5 of the specification), on both releases."""

import pytest

from tests.lab import clouds
from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(("name", "node"), [("old", "node-2"), ("new", "node-11")])
def test_no_server_lands_on_a_node_in_maintenance(two_nodes_each: TestLab, name: str, node: str) -> None:
    console, cloud = two_nodes_each.console, two_nodes_each.cloud(name)
    others = sorted(set(clouds.compute_hosts(cloud)) - {node})
    made = [clouds.boot(cloud, f"m-{host}", host=host) for host in (node, *others)]
    mine = made[0]
    try:
        on = console.ok("node", "maintenance", "on", f"{name}/{node}", "--reason", "new memory", "--yes")
        assert on["status"] == "done"
        shown = console.ok("node", "show", f"{name}/{node}")
        assert shown["status"] == "maintenance"
        assert "new memory" in shown["maintenance"]["reason"]
        assert clouds.compute_hosts(cloud)[node][0] == "disabled"

        cloud.compute.pause_server(mine)
        clouds.wait_active(cloud, mine.id, "PAUSED")
        launched = [clouds.boot(cloud, f"m-new-{n}", wait=False) for n in range(3)]
        made += launched
        for server in launched:
            assert clouds.wait_active(cloud, server.id).compute_host in others
        cloud.compute.unpause_server(mine)
        assert clouds.wait_active(cloud, mine.id).compute_host == node

        off = console.ok("node", "maintenance", "off", f"{name}/{node}", "--yes")
        assert off["status"] == "done"
        assert clouds.compute_hosts(cloud)[node] == ("enabled", "up")
        clouds.remove(cloud, mine.id)

        def lands() -> bool:
            server = clouds.boot(cloud, "m-again")
            made.append(server)
            return bool(server.compute_host == node)

        # the scheduler prefers the emptiest node: that is ours now; give its cache a few tries
        clouds.wait_for(f"a server scheduled on {node} again", lands, every_s=0.1)
    finally:
        clouds.remove(cloud, *{s.id for s in made})


def test_what_was_disabled_before_stays_disabled(two_nodes_each: TestLab) -> None:
    console, cloud = two_nodes_each.console, two_nodes_each.cloud("old")
    service = next(s for s in cloud.compute.services(binary="nova-compute") if s.host == "node-1")
    cloud.compute.disable_service(service, disabled_reason="broken fan")
    try:
        console.ok("node", "maintenance", "on", "old/node-1", "--reason", "ours", "--yes")
        console.ok("node", "maintenance", "off", "old/node-1", "--yes")
        after = next(s for s in cloud.compute.services(binary="nova-compute") if s.host == "node-1")
        assert (after.status, after.disabled_reason) == ("disabled", "broken fan")
    finally:
        cloud.compute.enable_service(service)


def test_entering_and_leaving_are_notified(two_nodes_each: TestLab) -> None:
    told = [n["type"] for n in two_nodes_each.console.ok("notification", "list")]
    assert "node.maintenance_entered" in told
    assert "node.maintenance_left" in told
