"""Clouds that join a running lab: their ports, what is kept of them, and who may not leave."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pumphouse.lab import further
from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.layout import Layout
from pumphouse.lab.processes import MARK, Processes, ProcessSpec
from pumphouse.lab.saved_databases import dump_file, image_file, load_dump, save_dump
from pumphouse.lab.topology import CloudSpec, default_clouds, load_topology, make_topology, save_topology
from pumphouse.lab.waiting import wait_until

FURTHER = CloudSpec("dup", "2026.2", settings={"network.mtu": 9000}, slot=2)


def test_a_cloud_that_joined_keeps_its_ports_when_another_leaves() -> None:
    topology = make_topology(default_clouds()).with_cloud(FURTHER)
    topology = topology.with_cloud(CloudSpec("more", "2023.1", slot=3))
    assert [topology.index(name) for name in ("old", "new", "dup", "more")] == [0, 1, 2, 3]
    assert topology.free_slots() == []
    left = topology.without_cloud("dup")
    assert left.index("more") == 3
    assert left.free_slots() == [2]


def test_it_is_kept_on_disk_and_is_no_part_of_the_labs_shape(tmp_path: Path) -> None:
    first = make_topology(default_clouds())
    topology = first.with_cloud(FURTHER).with_node("dup", "node-9")
    save_topology(tmp_path / "lab.json", topology)
    loaded = load_topology(tmp_path / "lab.json")
    assert loaded == topology
    assert loaded is not None
    assert loaded.shape() == first.shape()
    assert [c.name for c in loaded.first().clouds] == ["old", "new"]
    assert [c.name for c in loaded.further_clouds] == ["dup"]


def test_a_lab_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text(
        '{"clouds": [{"name": "old", "release": "2023.1", "nodes": ["n"]}], "port_base": 20000,'
        ' "node_size": {"vcpus": 1, "ram_mib": 512, "disk_gb": 1}, "node_numbers": {"n": 1}, "first_nodes": {"old": ["n"]}}'
    )
    loaded = load_topology(tmp_path / "lab.json")
    assert loaded is not None
    assert loaded.clouds == (CloudSpec("old", "2023.1", ("n",)),)


def test_saved_databases_do_not_depend_on_settings_or_further_clouds() -> None:
    topology = make_topology(default_clouds())
    chosen = make_topology(replace(c, settings={"network.mtu": 9000}) for c in default_clouds())
    assert image_file(topology.first_clouds) == image_file(chosen.first_clouds)
    assert image_file(topology.with_cloud(FURTHER).first_clouds) == image_file(topology.first_clouds)


def test_only_a_cloud_that_joined_and_has_no_node_may_leave() -> None:
    topology = make_topology(default_clouds()).with_cloud(FURTHER)
    assert further.leaving(topology, "nowhere") is None
    leaving = further.leaving(topology, "dup")
    assert leaving is not None
    assert leaving.leaving
    with pytest.raises(LabConfigurationError, match="made with it"):
        further.leaving(topology, "old")
    with pytest.raises(LabConfigurationError, match="node-9"):
        further.leaving(topology.with_node("dup", "node-9"), "dup")


def test_ports_of_all_clouds_differ() -> None:
    layout = Layout(Path("/a"), 20000)
    ports = [port for index in range(4) for port in layout.cloud_ports(index).values()]
    assert len(set(ports)) == len(ports)
    assert set(ports) <= set(layout.ports(4).values())


def test_a_release_dump_comes_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert load_dump("2026.2") == {}
    save_dump("2026.2", {"nova": "create table ü;"})
    assert load_dump("2026.2") == {"nova": "create table ü;"}
    assert load_dump("2023.1") == {}
    assert dump_file("2026.2").stat().st_mode & 0o077 == 0


def test_a_sweep_of_one_cloud_leaves_the_others_processes(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "lab")
    processes = Processes(layout)
    mine, other = f"{layout.cloud_dir('dup')}/tmp", f"{layout.cloud_dir('old')}/tmp"
    specs = [ProcessSpec(n, ("sleep", "60"), {"TMPDIR": d}) for n, d in (("mine", mine), ("other", other))]
    records = [processes.start(spec) for spec in specs]
    try:
        for record in records:
            environ = Path(f"/proc/{record.pid}/environ")
            wait_until(partial(_marked, environ), what="it has started", timeout_s=5)
        assert processes.sweep(traces=[f"{layout.cloud_dir('dup')}/"]) == 1
        wait_until(lambda: not processes.alive("mine"), what="it is gone", timeout_s=5)
        assert processes.alive("other")
    finally:
        for name in ("mine", "other"):
            processes.stop(name)


def _marked(environ: Path) -> bool:
    return MARK.encode() in environ.read_bytes()
