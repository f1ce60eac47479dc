"""Compute nodes: a nova-compute of some cloud's release under the node's name, and its rows in that cloud's OVN.

Used by `bringup` for the nodes a cloud begins with, and by `Lab` when a node moves to another cloud.
"""

import shutil
from enum import StrEnum

from pumphouse.lab.cloud import Cloud, Machine
from pumphouse.lab.errors import LabCommandError
from pumphouse.lab.topology import Topology, check_node_name

LEAVING_MARK = ".leaving"
"""A file in the local state of a node that is being erased."""


class NodeState(StrEnum):
    """What a cloud has of a node: `stopped` means that its local state is still there, `leaving` that it was being erased."""

    RUNNING = "running"
    DEAD = "dead"
    STOPPED = "stopped"
    LEAVING = "leaving"
    ABSENT = "absent"


def launch_node(topology: Topology, cloud: Cloud, node: str) -> None:
    """Start the node in that cloud; a running one is left alone, its rows are completed."""
    cloud.ovn.add_chassis(node, topology.node_numbers[node])
    cloud.services.start_node(node, topology.node_size)


def keep_node(machine: Machine, cloud: str, node: str) -> None:
    """A node whose erasure was cut off is wanted again."""
    (machine.layout.node_dir(cloud, node) / LEAVING_MARK).unlink(missing_ok=True)


def halt_node(machine: Machine, cloud: Cloud, node: str) -> None:
    """Stop the node's nova-compute and take its rows away; local state stays for a restart. Absent is fine."""
    machine.processes.stop(cloud.services.node_name(node))
    if machine.processes.alive(f"{cloud.name}-ovn-sb"):
        cloud.ovn.remove_chassis(node)


def erase_node(machine: Machine, cloud: Cloud, node: str) -> None:
    """Halt the node and delete its local state in that cloud: its identity too, so it comes back as a new host."""
    folder = machine.layout.node_dir(cloud.name, node)
    if folder.exists():
        (folder / LEAVING_MARK).touch()
    halt_node(machine, cloud, node)
    shutil.rmtree(folder, ignore_errors=True)


def node_state(machine: Machine, cloud: Cloud, node: str) -> NodeState:
    name = cloud.services.node_name(node)
    if machine.processes.alive(name):
        return NodeState.RUNNING
    if machine.processes.record(name):
        return NodeState.DEAD
    folder = machine.layout.node_dir(cloud.name, node)
    if folder.exists():
        return NodeState.LEAVING if (folder / LEAVING_MARK).exists() else NodeState.STOPPED
    return NodeState.ABSENT


def discover_hosts(cloud: Cloud) -> str:
    """Map new compute hosts into the cell (`nova-manage cell_v2 discover_hosts`); returns what it said."""
    config = str(cloud.configuration.file("nova"))
    return cloud.services.tool(
        "nova-manage", "--config-file", config, "cell_v2", "discover_hosts", "--verbose"
    )


def unmap_host(machine: Machine, cloud: Cloud, node: str) -> None:
    """Take a host out of the cell (`nova-manage cell_v2 delete_host`), and the deleted record of its service out of Nova's tables (`db archive_deleted_rows`):
    a node that comes back under the same name would have that one counted as its own. A host that is not known is fine.

    Raises:
        LabCommandError: Nova refuses, for instance because servers are still on that host.
    """
    check_node_name(node)  # it goes into the query
    database = cloud.configuration.database("nova_api")
    rows = machine.mariadb.query(
        f"select c.uuid from `{database}`.host_mappings h join `{database}`.cell_mappings c on h.cell_id = c.id"  # noqa: S608
        f" where h.host = '{node}'"
    )
    config = str(cloud.configuration.file("nova"))
    for cell in rows:
        try:
            cloud.services.tool(
                "nova-manage",
                "--config-file",
                config,
                "cell_v2",
                "delete_host",
                "--cell_uuid",
                cell,
                "--host",
                node,
            )
        except LabCommandError as error:
            raise LabCommandError(
                f"{node} cannot be unmapped in {cloud.name}: {error.message}",
                hint="Move or delete the servers on that host first.",
            ) from error
    services = cloud.configuration.database("nova")
    if machine.mariadb.query(f"select 1 from `{services}`.services where host = '{node}' and deleted <> 0"):  # noqa: S608
        # 1 says that there were rows to archive
        cloud.services.tool(
            "nova-manage", "--config-file", config, "db", "archive_deleted_rows", "--until-complete", well=(0, 1),
        )  # fmt: skip
