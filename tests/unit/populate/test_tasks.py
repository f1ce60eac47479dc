"""Tasks run as their needs are met, a few at a time; passing trouble is repeated, the rest is told."""

import stat
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from openstack import exceptions

from pumphouse.lab.errors import LabConfigurationError, LabError
from pumphouse.lab.populate import guard
from pumphouse.lab.populate.guard import guarded
from pumphouse.lab.populate.logins import TenantLogins, connection_factory
from pumphouse.lab.populate.tasks import Outcome, Silent, Task, run_tasks


class Watcher:
    def __init__(self) -> None:
        self.counts: Mapping[str, int] = {}
        self.weight = 0.0
        self.done: list[str] = []

    def planned(self, counts: Mapping[str, int], weight: float) -> None:
        self.counts, self.weight = counts, weight

    def finished(self, kind: str, name: str, outcome: Outcome, weight: float) -> None:
        self.done.append(name)
        self.weight -= weight


def refusal(message: str, status: int) -> exceptions.HttpException:
    error = exceptions.HttpException(message)
    error.status_code = status
    return error


def made() -> Outcome:
    return Outcome.MADE


def test_needs_come_first_and_all_is_told() -> None:
    watcher = Watcher()
    tasks = [
        Task("c", "x", made, frozenset({"a", "b"}), 5),
        Task("b", "x", made, frozenset({"a"})),
        Task("a", "y", made),
    ]
    assert run_tasks(tasks, watcher, 4) == dict.fromkeys("abc", Outcome.MADE)
    assert watcher.done == ["a", "b", "c"]
    assert watcher.counts == {"x": 2, "y": 1}
    assert watcher.weight == 0


def test_never_more_than_the_workers() -> None:
    running, most, lock = [0], [0], threading.Lock()
    both = threading.Barrier(2, timeout=5)

    def run() -> Outcome:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        both.wait()
        with lock:
            running[0] -= 1
        return Outcome.KEPT

    run_tasks([Task(str(n), "x", run) for n in range(10)], Silent(), 2)
    assert most[0] == 2


def test_after_a_failure_nothing_new_is_begun() -> None:
    begun: list[str] = []

    def fail() -> Outcome:
        raise LabError("the disk is full", hint="make room")

    def note() -> Outcome:
        begun.append("later")
        return Outcome.MADE

    with pytest.raises(LabError, match="first: the disk is full") as caught:
        run_tasks([Task("first", "x", fail), Task("later", "x", note, frozenset({"first"}))], Silent(), 2)
    assert caught.value.hint == "make room"
    assert begun == []


def test_a_need_that_nobody_meets_is_an_error_and_no_endless_wait() -> None:
    with pytest.raises(LabError, match="which nobody makes"):
        run_tasks([Task("a", "x", made, frozenset({"ghost"}))], Silent(), 2)


@pytest.mark.parametrize("status", [409, 500, 503])
def test_passing_trouble_is_repeated(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    waits: list[float] = []
    monkeypatch.setattr(guard, "pause", waits.append)
    tries: list[int] = []

    def run() -> Outcome:
        tries.append(1)
        if len(tries) < 3:
            raise refusal("no", status)
        return Outcome.MADE

    assert guarded(run)() is Outcome.MADE
    assert waits == [1.5, 3.0]


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (400, 1), (500, guard.ATTEMPTS)])
def test_lasting_trouble_becomes_an_error_of_the_lab(
    monkeypatch: pytest.MonkeyPatch, status: int, tries: int
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(guard, "pause", waits.append)

    def run() -> Outcome:
        raise refusal("not today", status)

    with pytest.raises(LabError, match=f"{status}: not today"):
        guarded(run)()
    assert len(waits) == tries - 1


def test_passwords_are_kept_private_and_stay_the_same(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    logins = TenantLogins("old", file, "http://127.0.0.1:1/v3", "RegionOne")
    first = logins.login("acme", "acme-ops")
    assert first == TenantLogins("old", file, "http://127.0.0.1:1/v3", "RegionOne").login("acme", "acme-ops")
    assert first.password not in repr(first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    logins.login("acme", "acme-audit")
    TenantLogins("new", file, "http://127.0.0.1:2/v3", None).login("acme", "acme-ops")
    entries = yaml.safe_load(file.read_text())["clouds"]
    assert set(entries) == {"old-acme", "old-acme-audit", "new-acme"}
    assert entries["old-acme"]["auth"]["project_name"] == "acme"
    logins.forget(["acme"])
    assert set(yaml.safe_load(file.read_text())["clouds"]) == {"new-acme"}


def test_an_unknown_cloud_is_named(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: {old: {auth: {auth_url: x}}}")
    with pytest.raises(LabConfigurationError, match="middle"):
        connection_factory("middle", file)
