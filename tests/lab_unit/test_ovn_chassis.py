"""When the stand-in for ovn-controller claims a port."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pumphouse.lab.release import GUEST

SCRIPT = Path(GUEST) / "ovn_chassis.py"


@pytest.fixture
def chassis(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module; the OVS library is only in the releases' environments."""
    for name in ("ovs", "ovs.db", "ovs.db.idl", "ovs.jsonrpc", "ovs.poller", "ovs.stream"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    spec = importlib.util.spec_from_file_location("ovn_chassis", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))


class Southbound:
    """One port and two chassis, as the IDL shows them."""

    def __init__(self) -> None:
        self.chassis = {
            n: SimpleNamespace(uuid=f"uuid-{n}", name=f"id-{n}", hostname=n) for n in ("one", "two")
        }
        self.port = SimpleNamespace(
            uuid="uuid-port", type="", requested_chassis=[], options={}, chassis=[], up=[False],
        )  # fmt: skip
        rows = {"Chassis": self.chassis, "Port_Binding": {"port": self.port}}
        self.tables = {name: SimpleNamespace(rows=found) for name, found in rows.items()}

    def want(self, *names: str) -> None:
        self.port.requested_chassis = [self.chassis[name] for name in names]

    @property
    def held(self) -> tuple[list[str], list[bool]]:
        return [each.hostname for each in self.port.chassis], self.port.up


def test_a_port_is_claimed_only_when_neutron_had_time_to_bind_it(
    chassis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claimed within the request that binds it, a port of Neutron 2023.1 can stay DOWN for good."""
    clock, found, plugs = Clock(monkeypatch, chassis), Southbound(), chassis.Plugs()
    found.want("one")
    assert chassis.claim(found, plugs) == (False, chassis.PLUGGING_S)
    clock.now += 0.4
    assert chassis.claim(found, plugs) == (False, pytest.approx(chassis.PLUGGING_S - 0.4))
    assert found.held == ([], [False])
    clock.now += chassis.PLUGGING_S
    assert chassis.claim(found, plugs) == (True, None)
    assert found.held == (["one"], [True])
    assert chassis.claim(found, plugs) == (False, None), "it has it"


def test_a_port_that_moves_stays_until_it_is_plugged_in_there(
    chassis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, found, plugs = Clock(monkeypatch, chassis), Southbound(), chassis.Plugs()
    found.want("one")
    chassis.claim(found, plugs)
    clock.now += chassis.PLUGGING_S
    chassis.claim(found, plugs)
    found.want("two")
    assert chassis.claim(found, plugs) == (False, chassis.PLUGGING_S)
    assert found.held == (["one"], [True])
    clock.now += chassis.PLUGGING_S
    assert chassis.claim(found, plugs) == (True, None)
    assert found.held == (["two"], [True])


def test_a_port_that_nobody_wants_is_let_go_at_once_and_plugged_in_anew(
    chassis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, found, plugs = Clock(monkeypatch, chassis), Southbound(), chassis.Plugs()
    found.want("one")
    chassis.claim(found, plugs)
    clock.now += chassis.PLUGGING_S
    chassis.claim(found, plugs)
    found.want()
    assert chassis.claim(found, plugs) == (True, None)
    assert found.held == ([], [False])
    found.want("one")
    assert chassis.claim(found, plugs) == (False, chassis.PLUGGING_S)
