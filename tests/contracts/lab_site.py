"""The lab as a site for the deployer contract: what the contract leaves to the caller (the cloud's records of a node) is done through the APIs."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import NotFoundError
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.deployers.lab.driver import LabDeployer
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.cloud import OpenStackCloud
from tests.contracts.deployer import Site


def lab_site(state_dir: Path, cloud: str, node: str) -> Site:
    """`node` of `cloud`; it must be empty, as it leaves and comes back as a new host."""
    environment = Environment("id", cloud, CloudAccess(cloud), "lab", {}, datetime(2026, 1, 1, tzinfo=UTC))

    def make() -> LabDeployer:
        return LabDeployer(replace(environment), {"state_dir": str(state_dir)})

    def forget(name: str) -> None:
        api = OpenStackCloud(cloud, load_entry(cloud, str(state_dir / "clouds.yaml")), SystemClock())
        try:
            api.delete_compute_service(name)
        except NotFoundError:
            pass  # it had not been registered
        finally:
            api.close()

    return Site(make(), node, "node-unknown", make, forget)
