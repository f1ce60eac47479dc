"""The deployer contract on the fake and on the operator's scripts; the lab's deployer is tried in tests/contracts/test_lab_deployer.py."""

import sys
from pathlib import Path

import pytest
from typing_extensions import override

from pumphouse.drivers.deployers.command.driver import CommandDeployer
from tests.contracts.deployer import DeployerContract, Site
from tests.contracts.memory_deployer import MemoryDeployer
from tests.unit.deployers.sites import SCRIPT, environment, options, put_node


class TestMemoryDeployer(DeployerContract):
    @pytest.fixture
    @override
    def site(self) -> Site:
        deployer = MemoryDeployer(nodes={"node-1"})
        return Site(deployer, "node-1", "node-9", lambda: deployer)


@pytest.mark.crash
class TestCommandDeployerWithEnvironments(DeployerContract):
    @pytest.fixture
    @override
    def site(self, tmp_path: Path) -> Site:
        put_node(tmp_path, "node-1")
        script = [sys.executable, str(SCRIPT.with_name("environments_script.py"))]

        def make() -> CommandDeployer:
            return CommandDeployer(environment(), options(tmp_path, environments=script))

        return Site(make(), "node-1", "node-9", make)


@pytest.mark.crash
class TestCommandDeployer(DeployerContract):
    @pytest.fixture
    @override
    def site(self, tmp_path: Path) -> Site:
        put_node(tmp_path, "node-1")

        def make() -> CommandDeployer:
            return CommandDeployer(environment(), options(tmp_path))

        return Site(make(), "node-1", "node-9", make)
