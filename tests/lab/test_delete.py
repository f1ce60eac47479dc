"""The specification's "delete node" task with evacuation: the node leaves its cloud, its servers live on."""

import pytest

from tests.lab import clouds
from tests.lab.conftest import TestLab

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("empty_lab")]


def test_a_node_with_servers_is_not_deleted_without_evacuation(lab: TestLab) -> None:
    old = lab.cloud("old")
    server = clouds.boot(old, "d-1", host="node-2")
    said = lab.console("node", "delete", "old/node-2", "--yes")
    assert said.code == 3, said
    assert "--evacuate" in said.err + said.out
    assert clouds.compute_hosts(old)["node-2"] == ("enabled", "up")
    assert old.compute.get_server(server.id).compute_host == "node-2"


def test_delete_with_evacuation(lab: TestLab) -> None:
    old = lab.cloud("old")
    before = {n: s for n, s in clouds.placed(old).items() if s[0] == "node-2"}
    assert before
    provider = clouds.providers(old)["node-2"]
    done = lab.console.ok("node", "delete", "old/node-2", "--evacuate", "--yes", timeout_s=900)
    assert done["status"] == "done"
    after = clouds.placed(old)
    for name, (_, status) in before.items():
        assert after[name][0] in {"node-1", "node-3"}
        assert after[name][1] == status
    assert "node-2" not in clouds.compute_hosts(old)
    assert provider not in clouds.providers(old).values()
    assert "node-2" not in clouds.agent_hosts(old)


def test_the_last_node_is_refused(lab: TestLab) -> None:
    lab.console.ok("node", "delete", "old/node-3", "--evacuate", "--yes", timeout_s=900)
    said = lab.console("node", "delete", "old/node-1", "--evacuate", "--yes")
    assert said.code == 3, said
    assert "last" in said.out + said.err
    assert clouds.compute_hosts(lab.cloud("old")) == {"node-1": ("enabled", "up")}
