"""Both clouds of the lab behind faulty proxies, a small tenant in `old`, and what a person types; the tests of faults and kills stand on it."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from openstack.connection import Connection

from pumphouse.lab import Lab
from tests.lab import census
from tests.lab.clouds import wait_for
from tests.lab.conftest import TestLab
from tests.lab.console import Console, Running
from tests.lab.faulted_tenant import FaultedTenant, faulted_tenant
from tests.lab.faulty_proxy import shaky_clouds
from tests.lab.records import Records
from tests.lab.weather import Fault, Trap, Weather

API_TIMEOUT_S = 60.0
IMPATIENT_S = 6.0
OWNER_TIMEOUT_S = 3.0
DONE = {"done"}


@dataclass
class Scene:
    """What the tests of this series need."""

    machine: Lab
    console: Console
    weather: Weather
    tenant: FaultedTenant
    clouds: dict[str, Connection]
    before: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    fence: bool = False

    @property
    def named(self) -> str:
        return f"old/{self.tenant.name}"

    @property
    def records(self) -> Records:
        return Records(self.console.state_dir / "pumphouse.db")

    # -- what is typed

    @property
    def migrate(self) -> list[str]:
        words = ["tenant", "migrate", self.named, "--to", "new", "--yes"]
        return words if self.fence else [*words, "--no-fence"]

    @property
    def rollback(self) -> list[str]:
        return ["tenant", "rollback", self.named, "--yes"]

    def through(self, words: list[str], kind: str, *faults: Fault, offset: int = 0) -> int:
        """Type it, and `operation retry` while something has failed; answers how many retries it took."""
        self._wait_for_answers(IMPATIENT_S if Fault.SILENCE in faults else API_TIMEOUT_S)
        self.weather.turn(*faults, offset=offset)
        former = self.records.root_operation(kind)
        said = self.console(*words)
        operation = self.records.root_operation(kind)
        assert operation, f"{said.code}: {said.out[-3000:]}{said.err[-3000:]}"
        assert operation != former, f"it was not accepted: {said.out[-3000:]}{said.err[-3000:]}"
        for retries in range(6):
            if said.code == 0:
                self.weather.turn()
                assert self.status(operation) in DONE
                return retries
            said = self.console("operation", "retry", operation)
        raise AssertionError(f"{said.code}: {said.out[-4000:]}{said.err[-2000:]}\n{self.errors()}")

    def begin(self, *words: str, trap: Trap | None = None) -> Running:
        """Start it; the trap kills it with SIGKILL."""
        begun: list[Running] = []
        if trap is not None:
            trap.spring = lambda: os.killpg(begun[0].process.pid, signal.SIGKILL)
        self.weather.set_trap(trap)
        begun.append(self.console.begin(*words))
        return begun[0]

    def _wait_for_answers(self, seconds: float) -> None:
        """How long Pumphouse waits, from its next start on."""
        file = Path(self.console.extra["OS_CLIENT_CONFIG_FILE"])
        entries = yaml.safe_load(file.read_text())
        for entry in entries["clouds"].values():
            entry["api_timeout"] = seconds
        file.write_text(yaml.safe_dump(entries))

    def status(self, operation: str) -> str:
        return str(self.console.ok("operation", "show", operation)["status"])

    def errors(self) -> list[tuple[str, ...]]:
        return list(self.records.failures())

    # -- what must hold

    def is_moved(self) -> None:
        """Everything stands in `new` exactly once, byte for byte, and nothing temporary is left."""
        here, there = (self.look(name) for name in ("old", "new"))
        mine = census.holdings(here, self.tenant.id, self.tenant.name)
        project = _one(there, "projects", self.tenant.name)["id"]
        theirs = census.holdings(there, project, self.tenant.name)
        assert _comparable(theirs) == _comparable(mine)
        # the address leads to one server only
        assert [name.rpartition(" ")[2] != "None" for name in _addresses(mine)] == [False]
        assert [name.rpartition(" ")[2] != "None" for name in _addresses(theirs)] == [True]
        self.has_same_bytes(here, there)
        for name in self.clouds:
            wait_for("nothing temporary", lambda name=name: not census.temporary(self.look(name)), 30)  # type: ignore[misc]

    def has_same_bytes(self, here: census.Rows, there: census.Rows) -> None:
        own = self.tenant.name
        for which in ("archive", "data"):
            twin = _one(there, "volumes", f"{own}-{which}")["id"]
            original = census.content(self.machine, "old", self.tenant.things[which])
            assert census.content(self.machine, "new", twin) == original
        images = [_one(rows, "images", f"{own}-image") for rows in (here, there)]
        assert len({(each["os_hash_value"], each["size"], each["status"]) for each in images}) == 1
        servers = [_one(rows, "servers", f"{own}-server") for rows in (here, there)]
        assert [each["status"] for each in servers] == ["SHUTOFF", "ACTIVE"]
        assert len({self.machine.root_disk(each["id"]).read_bytes() for each in servers}) == 1

    def is_emptied(self) -> None:
        """`old` has only what every project has by itself; `new` has all, byte for byte as it was."""
        left = census.holdings(self.look("old"), self.tenant.id, self.tenant.name)
        kinds = {name.partition(" ")[0] for name in left}
        assert not kinds & {"servers", "volumes", "images", "networks", "routers", "floatingips", "ports"}, (
            left
        )
        there = self.look("new")
        for kind, name in (
            ("servers", "server"),
            ("volumes", "archive"),
            ("volumes", "data"),
            ("images", "image"),
        ):
            _one(there, kind, f"{self.tenant.name}-{name}")

    def report(self) -> Any:
        return self.console.ok("tenant", "report", self.named)

    def is_as_before(self) -> None:
        """Both clouds are what they were before anything."""
        for name in self.clouds:
            told = census.differing(self.before[name], census.census(self.look(name)))
            assert not told, "\n".join(told)

    def take_census(self) -> None:
        self.before = {name: census.census(self.look(name)) for name in self.clouds}

    def look(self, name: str) -> census.Rows:
        return census.look(self.clouds[name], self.tenant.name)


def _one(rows: census.Rows, kind: str, name: str) -> census.Row:
    found = [row for row in rows[kind] if row["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {found}"
    return found[0]


def _comparable(found: Counter[str]) -> dict[str, int]:
    """Without what Neutron makes for itself, and where addresses lead."""
    return {
        name: count
        for name, count in sorted(found.items())
        if not name.startswith(("ports network:distributed", "ports network:dhcp", "floatingips"))
    }


def _addresses(found: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in found.items() if name.startswith("floatingips")}


@contextmanager
def shaky_scene(
    lab: TestLab, state: Path, name: str, *, fence: bool = False, **sizes: int
) -> Iterator[Scene]:
    """Pumphouse with a state of its own, which reaches both clouds only through the proxies."""
    machine = Lab(lab.directory)
    clouds = {each: lab.cloud(each) for each in ("old", "new")}
    weather = Weather(silence_s=IMPATIENT_S + 1)
    state.mkdir(parents=True, exist_ok=True)
    with (
        faulted_tenant(machine, clouds["old"], name, **sizes) as tenant,
        shaky_clouds(lab.directory, state / "clouds.yaml", clouds, weather) as file,
    ):
        extra = {"OS_CLIENT_CONFIG_FILE": str(file), "PUMPHOUSE_OWNER_TIMEOUT_S": str(OWNER_TIMEOUT_S)}
        console = Console(lab.directory, state, extra)
        for each in clouds:
            console.ok("env", "add", each, "--cloud", each, "--config", str(file))
        scene = Scene(machine, console, weather, tenant, clouds, fence=fence)
        scene.take_census()
        yield scene
        weather.turn()
        weather.set_trap(None)
