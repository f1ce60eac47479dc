"""The specification's reallocation test, on real clouds: a node leaves `old` and serves in `new`; its servers run elsewhere."""

import pytest

from tests.lab import clouds
from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab


def test_a_compute_node_moves_and_every_server_lives_on(populated: TestLab) -> None:
    old, new = populated.cloud("old"), populated.cloud("new")
    before = clouds.placed(old)
    on_node = {name for name, (host, _) in before.items() if host == "node-3"}
    assert on_node, "nothing runs on node-3: the test would prove nothing"
    assert len({before[name][1] for name in before}) >= 3, f"too uniform: {before}"
    assert clouds.compute_hosts(new) == {}
    node_provider = clouds.providers(old)["node-3"]

    plan = populated.console.ok("node", "move", "old/node-3", "--to", "new", "--dry-run")
    assert clouds.placed(old) == before, "a dry run changed something"
    assert {item["name"] for item in plan["items"]} >= on_node

    done = populated.console.ok("node", "move", "old/node-3", "--to", "new", "--yes", timeout_s=900)
    assert done["status"] == "done"
    assert {"id", "name", "environment"} <= set(done)

    after = clouds.placed(old)
    assert set(after) == set(before), "servers were lost or made"
    for name, (host, status) in before.items():
        assert after[name][1] == status, f"{name} was {status}, is {after[name][1]}"
        if name in on_node:
            assert after[name][0] in {"node-1", "node-2"}
        else:
            assert after[name][0] == host, f"{name} was moved without need"

    # the source has forgotten the node: Nova, Placement, Neutron
    assert set(clouds.compute_hosts(old)) == {"node-1", "node-2"}
    assert node_provider not in clouds.providers(old).values()
    assert "node-3" not in clouds.agent_hosts(old)
    # the destination has it and it serves
    assert clouds.compute_hosts(new) == {"node-3": ("enabled", "up")}
    assert set(clouds.providers(new)) == {"node-3"}
    assert "node-3" in clouds.agent_hosts(new)
    assert not clouds.servers(new), "the test server was left behind"
    server = clouds.boot(new, "after-the-move")
    assert server.compute_host == "node-3"
    clouds.remove(new, server.id)


def test_both_environments_pass_sanity_afterwards(populated: TestLab) -> None:
    for environment in ("old", "new"):
        run = populated.console.ok("health", "run", environment, "--set", "sanity")
        assert run["status"] in {"passed", "done"}, run


def test_allocations_follow_the_servers(populated: TestLab) -> None:
    old = populated.cloud("old")
    providers = clouds.providers(old)
    held = {name: clouds.consumers(old, uuid) for name, uuid in providers.items()}
    for server in clouds.servers(old).values():
        if server.status == "SHELVED_OFFLOADED":
            continue
        holders = {name for name, who in held.items() if server.id in who}
        assert holders == {server.compute_host}, (
            f"{server.name} runs on {server.compute_host}, holds {holders}"
        )


def test_ports_followed_the_servers(populated: TestLab) -> None:
    old = populated.cloud("old")
    clouds.wait_ports_up(old, populated.neutron_log("old"))
    for server in clouds.servers(old).values():
        for port in old.network.ports(device_id=server.id):
            assert port.binding_host_id == server.compute_host, f"{server.name}: {port.id}"


def test_the_notifications_tell_the_story(populated: TestLab) -> None:
    told = [n["type"] for n in populated.console.ok("notification", "list")]
    for expected in ("node.maintenance_entered", "node.evacuated", "node.reassigned"):
        assert expected in told, told


def test_the_node_comes_back_with_undo(populated: TestLab) -> None:
    old, new = populated.cloud("old"), populated.cloud("new")
    moves = [o for o in populated.console.ok("operation", "list") if o["kind"] == "reassign_node"]
    undone = populated.console.ok("operation", "undo", moves[0]["id"], "--yes", timeout_s=900)
    assert undone["status"] == "undone"
    assert clouds.compute_hosts(new) == {}
    assert clouds.compute_hosts(old)["node-3"] == ("enabled", "up")
    assert "node-3" in clouds.agent_hosts(old)
    # Nova joins deleted records of a node's service to its servers, and would refuse to resize them there or to move them cold
    back = [server for server in clouds.servers(old).values() if server.compute_host == "node-3"]
    assert back, "what had moved away comes back with its node"
    for server in back:
        row = old.compute.get(f"/servers/{server.id}", microversion="2.79").json()["server"]
        assert row["host_status"] == "UP", row
