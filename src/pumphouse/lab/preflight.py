"""Is this machine ready for the lab? Asked by `Lab.up` before anything starts; finds all problems at once."""

import os
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

import psutil

from pumphouse.lab.errors import LabConfigurationError, LabError, PreflightError
from pumphouse.lab.layout import MAX_CLOUDS, Layout, cache_dir
from pumphouse.lab.processes import Processes
from pumphouse.lab.release import Release, load_release
from pumphouse.lab.topology import Topology
from pumphouse.lab.venvs import has_python, is_installed

# What the lab runs, and the Debian package that has it.
PROGRAMS = {
    "/usr/sbin/mariadbd": "mariadb-server",
    "/usr/lib/rabbitmq/bin/rabbitmq-server": "rabbitmq-server",
    "/usr/bin/epmd": "erlang-base",
    "/usr/bin/ovn-northd": "ovn-central",
    "/usr/bin/ovn-sbctl": "ovn-common",
    "/usr/sbin/ovsdb-server": "openvswitch-common",
    "/usr/bin/ovsdb-tool": "openvswitch-common",
    "/usr/bin/qemu-img": "qemu-utils",
    "/usr/bin/zstd": "zstd",
    "/usr/bin/mount": "mount",
}
MIB = 1024 * 1024
RAM_MIB = 900
STATE_MIB = 1500
RELEASE_MIB = 1200
MEMORY_MIB = 2048
"""For each cloud: about 1.6 GiB when idle, the rest for bursts."""
SOCKET_PATH_MAX = 107


def check(layout: Layout, topology: Topology, processes: Processes) -> None:
    """Look at everything the lab needs.

    Raises:
        PreflightError: something is missing; carries every problem with its remedy.
    """
    problems: list[LabError] = []
    if os.geteuid() != 0:
        problems.append(LabError("the lab must run as root", hint="Run it as root: it mounts directories."))
    problems += missing_programs()
    problems += missing_pythons(topology)
    problems += _space(layout, topology)
    if not any(processes.alive(name) for name in processes.records()):
        problems += check_memory(len(topology.clouds), psutil.virtual_memory().available // MIB)
    further = [c.slot for c in topology.further_clouds if c.slot is not None]
    problems += ports_in_use(layout, len(topology.first_nodes), processes, further)
    if problems:
        raise PreflightError(problems)


def missing_programs() -> list[LabError]:
    missing = sorted({package for program, package in PROGRAMS.items() if not Path(program).exists()})
    if not missing:
        return []
    install = "apt-get install -y --no-install-recommends"
    return [
        LabError(
            f"Debian packages are missing: {', '.join(missing)}",
            hint=f"apt-get update && DEBIAN_FRONTEND=noninteractive {install} {' '.join(missing)}\n"
            "(a /usr/sbin/policy-rc.d that exits 101 keeps their own daemons from starting)",
        )
    ]


def missing_pythons(topology: Topology) -> list[LabError]:
    """Releases that are not installed yet and whose Python version is not on this machine."""
    releases = {c.release: load_release(c.release) for c in topology.clouds}
    return [
        _no_python(release)
        for release in releases.values()
        if not is_installed(release) and not has_python(release)
    ]


def _space(layout: Layout, topology: Topology) -> list[LabError]:
    installs = {c.release for c in topology.clouds if not is_installed(load_release(c.release))}
    needs = [
        ("state directory", layout.state_dir, STATE_MIB),
        ("cache directory", cache_dir(), 200 + RELEASE_MIB * len(installs)),
        ("databases", layout.ram_dir, 0 if layout.mysql_dir.exists() else RAM_MIB),
    ]
    return [problem for name, path, mib in needs for problem in check_space(name, path, mib)]


def check_space(name: str, path: Path, needed_mib: int) -> list[LabError]:
    """A problem if the file system that holds (or will hold) `path` has less than `needed_mib` free."""
    existing = next(p for p in (path, *path.parents) if p.exists())
    free_mib = shutil.disk_usage(existing).free // MIB
    if free_mib >= needed_mib:
        return []
    return [
        LabConfigurationError(
            name,
            path,
            f"{free_mib} MiB free, {needed_mib} needed",
            hint=f"Make room on the file system of {existing}.",
        )
    ]


def check_memory(clouds: int, available_mib: int) -> list[LabError]:
    """A problem if there is less memory than that many clouds take with their servers and the shared services; a lab that runs has its own."""
    needed_mib = MEMORY_MIB * clouds
    if available_mib >= needed_mib:
        return []
    return [
        LabError(
            f"{available_mib} MiB of memory are available, and {clouds} clouds need {needed_mib}",
            hint="End what else takes memory, take a larger machine, or bring up fewer clouds (--cloud).",
        )
    ]


def ports_in_use(
    layout: Layout, clouds: int, processes: Processes, further: Iterable[int] = ()
) -> list[LabError]:
    """Ports that somebody else listens on; those of this lab's own running processes are fine. `further` are slots of clouds that joined later."""
    wanted = layout.ports(clouds)
    for slot in further:
        wanted |= layout.cloud_ports(slot)
    ours = {r.port for name, r in processes.records().items() if processes.alive(name)}
    if ours:
        ours |= {layout.shared_port("rabbitmq-distribution")}
    taken = [f"{port} ({what})" for what, port in wanted.items() if port not in ours and not _is_free(port)]
    if not taken:
        return []
    return [
        LabConfigurationError(
            "port base", layout.port_base, f"ports in use: {', '.join(taken)}",
            hint="Choose another port base, for instance --port-base"
            f" {layout.port_base + 1000 if layout.port_base < 60000 else 20000}.",
        )
    ]  # fmt: skip


def check_further(layout: Layout, release: str, free_slots: Iterable[int]) -> int:
    """Look at what a further cloud needs of a machine on which the lab runs; answers the slot whose ports are all free.

    Raises:
        PreflightError: something is missing.
    """
    problems = check_memory(1, psutil.virtual_memory().available // MIB)
    if not is_installed(load_release(release)):
        problems += check_space("cache directory", cache_dir(), RELEASE_MIB)
        if not has_python(load_release(release)):
            problems += [_no_python(load_release(release))]
    slots = list(free_slots)
    if not slots:
        problems.append(
            LabError(
                f"this lab has {MAX_CLOUDS} clouds, and no ports for more",
                hint="pumphouse lab env-delete NAME",
            )
        )
    free = [slot for slot in slots if all(_is_free(port) for port in layout.cloud_ports(slot).values())]
    if slots and not free:
        taken = [str(p) for slot in slots for p in layout.cloud_ports(slot).values() if not _is_free(p)]
        problems.append(
            LabConfigurationError(
                "port base",
                layout.port_base,
                f"ports in use: {', '.join(taken)}",
                hint="End what listens there.",
            )
        )
    if problems:
        raise PreflightError(problems)
    return free[0]


def _no_python(release: Release) -> LabError:
    return LabError(
        f"OpenStack {release.name} needs Python {release.python[0]}, which is not on this machine",
        hint=f"Install Python {release.python[0]} (with its venv module and headers).",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
