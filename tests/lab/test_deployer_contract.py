"""The deployer contract on the lab's own deployer: node-3 of `old` leaves and comes back."""

import pytest
from typing_extensions import override

from tests.contracts.deployer import DeployerContract, Site
from tests.contracts.lab_site import lab_site
from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab


class TestLabDeployer(DeployerContract):
    @pytest.fixture
    @override
    def site(self, empty_lab: TestLab) -> Site:
        return lab_site(empty_lab.directory, "old", "node-3")
