"""The wiring: drivers into ports, deployers by name, a quick start, and a server that lets go of everything when it is told to stop."""

import os
import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pumphouse import config, main
from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import ConflictError, InvalidInputError
from pumphouse.domain.node import Maintenance
from pumphouse.domain.plan import Plan
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.deployers.lab.driver import LabDeployer
from pumphouse.drivers.entries import ClientConfigEntries
from tests.fakes.clock import START, FakeClock
from tests.fakes.cloud import FakeCloud


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Settings:
    monkeypatch.setenv("PUMPHOUSE_STATE_DIR", str(tmp_path / "state"))
    return config.load()


def environment(deployer: str | None) -> Environment:
    return Environment("1", "old", CloudAccess("old"), deployer, {}, START)


def test_deployers_come_from_entry_points() -> None:
    assert {"lab", "command"} <= set(main.deployer_names())
    assert isinstance(main.load_deployer(environment("lab"), unseal=str), LabDeployer)
    with pytest.raises(InvalidInputError, match="not installed") as caught:
        main.load_deployer(environment("magic"), unseal=str)
    assert "command" in caught.value.hint


def test_the_application_knows_every_workflow_and_closes(settings: config.Settings) -> None:
    application = main.build_application(settings)
    try:
        assert not application.engine.made, "the engine is made when it is needed"
        for kind in ("maintain_node", "evacuate_node", "reassign_node", "delete_node", "check_health"):
            assert application.engine().workflow(kind).kind == kind
    finally:
        application.close()


def test_an_environment_without_a_deployer_says_how_to_set_one(settings: config.Settings) -> None:
    application = main.build_application(settings)
    try:
        application.stores.add_environment(environment(None))
        with pytest.raises(ConflictError) as caught:
            application.tools.deployer("old")
        assert "pumphouse env set old" in caught.value.hint
    finally:
        application.close()


def test_a_lab_is_registered_once_and_kept_up_to_date(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def opened(self: Any, environment: Environment) -> FakeCloud:
        return FakeCloud(environment.name, FakeClock())

    monkeypatch.setattr(ClientConfigEntries, "open", opened)
    auth = "auth: {auth_url: 'http://127.0.0.1:1/v3', username: a, password: b, project_name: c}"
    clouds_yaml = tmp_path / "clouds.yaml"
    clouds_yaml.write_text(f"clouds:\n  old: {{{auth}}}\n  new: {{{auth}}}\n")
    lab: Any = SimpleNamespace(
        state_dir=tmp_path,
        clouds_yaml=clouds_yaml,
        clouds=[SimpleNamespace(name="old"), SimpleNamespace(name="new")],
        clouds_id_of={"old": "first", "new": "first"}.__getitem__,
    )
    main.register_lab(lab)
    main.register_lab(lab)
    application = main.build_application(settings)
    try:
        found = application.services.environments.list()
        assert [(e.name, e.deployer, e.deployer_options) for e in found] == [
            ("new", "lab", {"state_dir": str(tmp_path), "clouds_id": "first"}),
            ("old", "lab", {"state_dir": str(tmp_path), "clouds_id": "first"}),
        ]
        begin_something(application)
    finally:
        application.close()

    # the same clouds again: what was begun is theirs; fresh clouds: it cannot go on
    main.register_lab(lab)
    assert held(settings) == ({"paused"}, 1)
    lab.clouds_id_of = {"old": "second", "new": "second"}.__getitem__
    main.register_lab(lab)
    assert held(settings) == ({"cancelled"}, 0)


def test_the_further_clouds_of_a_lab_are_forgotten_when_it_starts_afresh_and_not_before(
    settings: config.Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ClientConfigEntries, "open", lambda _, e: FakeCloud(e.name, FakeClock()))
    auth = "auth: {auth_url: 'http://127.0.0.1:1/v3', username: a, password: b, project_name: c}"
    clouds_yaml = tmp_path / "clouds.yaml"
    clouds_yaml.write_text(f"clouds:\n  old: {{{auth}}}\n  next: {{{auth}}}\n")
    old, further = SimpleNamespace(name="old"), SimpleNamespace(name="next")
    lab: Any = SimpleNamespace(
        state_dir=tmp_path,
        clouds_yaml=clouds_yaml,
        clouds=[old, further],
        clouds_id_of={"old": "first", "next": "first"}.__getitem__,
    )
    main.register_lab(lab)
    lab.clouds = [old]
    main.register_lab(lab)
    assert names(settings) == {"old", "next"}, "a cloud that leaves keeps its entry, as the book says"
    application = main.build_application(settings)
    application.stores.put_maintenance(
        Maintenance("next", "node-1", "disk", SystemClock().now(), "op", was_enabled=True)
    )
    half_way = Move("old", "t", "next", ResourceKind.PROJECT, "t", "acme", MoveState.MADE, "t2", ours=True)
    application.stores.put_moves([half_way])
    application.close()
    lab.clouds_id_of = {"old": "second"}.__getitem__
    main.register_lab(lab)
    assert names(settings) == {"old"}


def names(settings: config.Settings) -> set[str]:
    application = main.build_application(settings)
    try:
        return {e.name for e in application.services.environments.list()}
    finally:
        application.close()


def begin_something(application: main.Application) -> None:
    now = SystemClock().now()
    application.stores.put_maintenance(Maintenance("old", "node-1", "disk", now, "op", was_enabled=True))
    plan = Plan("maintain_node", "maintenance", "", [])
    params = {"environment": "new", "node": "node-1", "action": "on", "reason": "disk"}
    operation = application.engine().submit("maintain_node", params, plan)
    application.engine().pause(operation.id)


def held(settings: config.Settings) -> tuple[set[str], int]:
    """The statuses of all operations, and how many nodes are recorded in maintenance."""
    application = main.build_application(settings)
    try:
        return {str(o.status) for o in application.stores.operations()}, len(
            application.stores.maintenances()
        )
    finally:
        application.close()


def test_the_command_line_starts_without_slow_imports() -> None:
    slow = [
        "httpx",
        "pydantic",
        "sqlalchemy",
        "fastapi",
        "taskflow",
        "openstack",
        "structlog",
        "pumphouse.lab",
    ]
    script = (
        "import sys; sys.argv=['pumphouse','--help']\n"
        "from pumphouse.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        f"print('SLOW', [m for m in {slow} if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "SLOW []"


def free_port() -> int:
    """One below those that the kernel gives to whoever connects: a client that asks again and again for a port
    of that range, where nobody listens yet, is given just this one in the end, and talks with itself."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(first - 2000, first), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.mark.crash
@pytest.mark.timed
def test_a_server_answers_with_its_token_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()
    env = {**os.environ, "PUMPHOUSE_STATE_DIR": str(tmp_path), "PUMPHOUSE_PORT": str(port)}
    server = subprocess.Popen(
        [sys.executable, "-c", "from pumphouse.main import run; run()", "serve"], env=env
    )
    try:
        url = f"http://127.0.0.1:{port}/v1/status"
        transport = httpx.HTTPTransport(retries=0)
        with httpx.Client(transport=transport) as http:
            for _ in range(1000):
                try:
                    assert http.get(url).status_code == 401
                    break
                except httpx.ConnectError:
                    assert server.poll() is None
                    subprocess.run(["sleep", "0.1"], check=True)
            token = (tmp_path / "token").read_text().strip()
            answer = http.get(url, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["role"]) == (200, "admin")
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
