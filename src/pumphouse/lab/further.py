"""Clouds that join a running lab, and leave it. Used by `Lab`, under the lab's lock.

What is to be is written into the topology before anything is made, and taken out of it after everything is gone: a repeat after a kill at any
moment finds what there is to complete.
"""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pumphouse.lab import mounts, preflight
from pumphouse.lab.choices import Choices
from pumphouse.lab.cloud import Cloud, Machine
from pumphouse.lab.errors import LabConfigurationError, LabError
from pumphouse.lab.mariadb import NAME as MARIADB
from pumphouse.lab.progress import Progress
from pumphouse.lab.rabbitmq import NAME as RABBITMQ
from pumphouse.lab.rabbitmq import RabbitMQ
from pumphouse.lab.release import load_release
from pumphouse.lab.topology import CloudSpec, Topology, check_cloud_name

REMOVE = "Removal"


def planned(
    machine: Machine, topology: Topology, name: str, release: str, settings: Mapping[str, Any]
) -> CloudSpec:
    """The further cloud that is asked for; the one that is there already if it is the same.

    Raises:
        LabConfigurationError: a value is wrong, or there is another cloud of that name.
        PreflightError: the machine has no room for it.
        LabError: the lab does not run.
    """
    check_cloud_name(name)
    load_release(release)
    given = Choices(settings).given
    if not (machine.processes.alive(MARIADB) and machine.processes.alive(RABBITMQ)):
        raise LabError("the lab does not run", hint="Bring it up first: pumphouse lab up")
    present = next((c for c in topology.clouds if c.name == name), None)
    if present is None:
        slot = preflight.check_further(machine.layout, release, topology.free_slots())
        return CloudSpec(name, release, settings=given, slot=slot)
    if present.slot is None or (present.release, dict(present.settings)) != (release, given):
        raise LabConfigurationError(
            "environment", name, f"there is another one of that name ({present.release})",
            hint=f"Choose another name, or remove it: pumphouse lab env-delete {name}",
        )  # fmt: skip
    return present


def leaving(topology: Topology, name: str) -> CloudSpec | None:
    """The further cloud that is to be removed, marked so; None if there is none of that name.

    Raises:
        LabConfigurationError: the lab was made with it, or nodes stand in it.
    """
    spec = next((c for c in topology.clouds if c.name == name), None)
    if spec is None:
        return None
    if spec.slot is None:
        raise LabConfigurationError(
            "environment", name, "the lab was made with it", hint="pumphouse lab down --wipe removes all."
        )
    if spec.nodes:
        raise LabConfigurationError(
            "environment", name, f"nodes stand in it: {', '.join(spec.nodes)}", hint="Take them out first."
        )
    return replace(spec, leaving=True)


def sweep(machine: Machine, topology: Topology, name: str) -> None:
    """Kill what a killed command has left of that cloud without a record."""
    layout, index = machine.layout, topology.index(name)
    traces = [
        f"{layout.cloud_dir(name)}/",
        f"{layout.ovn_dir(name)}/",
        f"tcp:127.0.0.1:{layout.cloud_port(index, 'ovn-sb')}",
    ]
    machine.processes.sweep(keep=list(machine.processes.records()), traces=traces)


def remove(machine: Machine, topology: Topology, name: str, progress: Progress) -> None:
    """Leave no process, mount, database, virtual host or file of that cloud. Absent parts are fine."""
    layout, cloud = machine.layout, machine.cloud(topology, name)
    progress.phase(REMOVE, 4)
    logs = {
        *cloud.process_names(()),
        *(r.name for r in machine.processes.records().values() if r.cloud == name),
    }
    machine.processes.stop_all(n for n, r in machine.processes.records().items() if r.cloud == name)
    sweep(machine, topology, name)
    progress.done(REMOVE, "processes")
    mounts.unmount_below(layout.cloud_dir(name))
    progress.done(REMOVE, "mounts")
    _drop_databases(machine, cloud)
    if machine.processes.alive(RABBITMQ):
        RabbitMQ(layout, machine.processes, machine.passwords).forget(name)
    progress.done(REMOVE, "databases and queues")
    shutil.rmtree(layout.ovn_dir(name), ignore_errors=True)
    shutil.rmtree(layout.cloud_dir(name), ignore_errors=True)
    for left in layout.socket_dir.glob(f"{name}-*"):
        if left.name.split(".")[0] in logs or left.suffix == ".pipe":
            left.unlink(missing_ok=True)
    for process in logs:
        layout.log_file(process).unlink(missing_ok=True)
    # of nodes that have left it: they have no record any more
    for log in layout.log_dir.glob(f"{cloud.services.node_name('*')}.log"):
        log.unlink(missing_ok=True)
    progress.done(REMOVE, "files")


def _drop_databases(machine: Machine, cloud: Cloud) -> None:
    """In a lab that is down they are still there, and the server is started for it."""
    if not (machine.layout.ram_dir / ".complete").exists():
        return
    runs = machine.processes.alive(MARIADB)
    if not runs:
        machine.mariadb.start()
    cloud.databases.drop()
    if not runs:
        machine.processes.stop(MARIADB, timeout_s=60)
