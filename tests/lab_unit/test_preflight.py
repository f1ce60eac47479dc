"""What is wrong with the machine is found before anything starts, all at once, each with a remedy."""

import os
import socket
from pathlib import Path

import pytest

from pumphouse.lab import preflight
from pumphouse.lab.errors import LabConfigurationError, LabError, PreflightError
from pumphouse.lab.lab import Lab
from pumphouse.lab.layout import Layout
from pumphouse.lab.locks import Lock
from pumphouse.lab.processes import Processes
from pumphouse.lab.topology import CloudSpec, default_clouds, make_topology


def test_missing_packages_are_named_with_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {"/no/such/mariadbd": "mariadb-server", "/no/such/ovn": "ovn-central", "/bin/sh": "dash"}
    monkeypatch.setattr(preflight, "PROGRAMS", programs)
    (problem,) = preflight.missing_programs()
    assert "mariadb-server, ovn-central" in problem.message
    assert "apt-get install -y --no-install-recommends mariadb-server ovn-central" in problem.hint


def test_a_taken_port_is_named_with_what_wanted_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 29000)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 29135))
        taken.listen()
        (problem,) = preflight.ports_in_use(layout, 2, Processes(layout))
    assert isinstance(problem, LabConfigurationError)
    assert problem.field == "port base"
    assert problem.value == 29000
    assert "29135 (cloud 1 keystone)" in problem.message
    assert "--port-base 30000" in problem.hint
    assert preflight.ports_in_use(layout, 2, Processes(layout)) == []


def test_no_space_is_told_with_figures(tmp_path: Path) -> None:
    (problem,) = preflight.check_space("databases", tmp_path / "not" / "yet", 10**9)
    assert "MiB free, 1000000000 needed" in problem.message
    assert preflight.check_space("databases", tmp_path, 0) == []


def test_all_problems_come_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(preflight, "PROGRAMS", {"/no/such/ovn": "ovn-central"})
    layout = Layout(tmp_path, 29600)
    with pytest.raises(PreflightError) as caught:
        preflight.check(layout, make_topology(default_clouds(), port_base=29600), Processes(layout))
    assert len(caught.value.problems) == 2
    assert all(p.hint for p in caught.value.problems)


def test_an_unknown_release_stops_up_before_it_writes_anything(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", clouds=[CloudSpec("old", "1999.1")], port_base=29700)
    with pytest.raises(LabConfigurationError, match="unknown release"):
        lab.up()
    assert not lab.exists


def test_a_lab_of_another_shape_is_not_overwritten(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    (tmp_path / "lab").mkdir()
    lab._save(lab._topology)
    assert Lab(tmp_path / "lab").clouds == default_clouds()
    with pytest.raises(LabConfigurationError, match="another shape") as caught:
        Lab(tmp_path / "lab", port_base=25000)
    assert "--wipe" in caught.value.hint


def test_two_commands_do_not_work_on_one_lab(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path), pytest.raises(LabError, match=f"process {os.getpid()}"), Lock(path, wait=False):
        pass
    with Lock(path, wait=False):
        pass


def test_too_little_memory_is_said_plainly() -> None:
    assert not preflight.check_memory(2, 4096)
    (problem,) = preflight.check_memory(2, 4095)
    assert "4095 MiB of memory are available" in problem.message
    assert "4096" in problem.message
    assert not preflight.check_memory(1, 2048)
