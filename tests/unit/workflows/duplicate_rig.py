"""Two environments of one deployer that builds in memory, and the real engine on a SQLite file; used by the tests of duplicates."""

from pathlib import Path
from typing import Any

from typing_extensions import override

from pumphouse.domain.operation import Operation
from pumphouse.domain.plan import Plan
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.workflows.duplicate_environment import DeleteEnvironment, DuplicateEnvironment
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.database import new_database
from tests.fakes.sites import Sites
from tests.fakes.toolbox import FakeToolbox, MemoryEnvironments
from tests.unit.workflows.mortal import Life, Mortal
from tests.unit.workflows.rig import Rig


class NoFences:
    """Nobody is in maintenance."""

    def fences(self, environment: str | None = None) -> list[Any]:
        del environment
        return []


class DuplicateTools(FakeToolbox):
    """Readers, furnishers and deployers of the sites, as one process sees them: each call is a point at which it may die."""

    def __init__(self, rig: "DuplicateRig", known: MemoryEnvironments) -> None:
        super().__init__(rig.clock)
        self._rig, self._environments = rig, known
        self.clouds = rig.clouds

    @property
    @override
    def environments(self) -> Any:
        return self._rig.mortal(self._environments)

    @property
    @override
    def fences(self) -> Any:
        return NoFences()

    @override
    def cloud(self, environment: str) -> Any:
        self._environments.environment(environment)
        return self._rig.mortal(super().cloud(environment))

    @override
    def deployer(self, environment: str) -> Any:
        self._environments.environment(environment)
        return self._rig.mortal(self._rig.sites.deployer(environment))

    @override
    def settings(self, environment: str) -> Any:
        self._environments.environment(environment)
        return self._rig.mortal(self._rig.sites.reader(environment))

    @override
    def furnisher(self, environment: str) -> Any:
        self._environments.environment(environment)
        return self._rig.mortal(self._rig.sites.furnisher(environment))


class DuplicateRig(Rig):
    """`old`, 2023.1 with VLAN networks and NFS volumes, is duplicated as `twin` under 2026.2."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.clock = FakeClock()
        self.clouds: dict[str, FakeCloud] = {"old": FakeCloud("old", self.clock)}
        self.sites = Sites(self.clock, self.clouds)
        site = self.sites.add("old")
        site.contents = {
            "flavor": {n: {"name": n, "vcpus": i} for i, n in enumerate(("small", "big"), 1)},
            "role": {"admin": {"name": "admin", "implies": []}, "auditor": {"name": "auditor", "implies": []}},
            "implied_role": {"admin -> auditor": {"name": "admin -> auditor", "prior": "admin", "implied": "auditor"}},
            "image": {"cirros": {"name": "cirros", "hash": "x"}},
            "quota": {"nova": {"name": "nova", "limits": {"cores": 40}}},
        }  # fmt: skip
        site.bytes["cirros"] = b"bytes"
        self.known = FakeToolbox(self.clock, self.clouds["old"]).environments
        self.database = folder / "rig.db"
        self._open: list[Stores] = []
        self.stores = Stores(new_database(self.database), clock=self.clock)
        self.engine = self.new_engine()

    def mortal(self, inner: Any) -> Any:
        return Mortal(inner, self.life, counted=True)

    @override
    def new_engine(self) -> Engine:
        self.life = Life()
        self.sites.between = self.life.point
        stores = Stores(f"sqlite:///{self.database}", clock=self.clock)
        self.life.guard(stores.database)
        self._open.append(stores)
        settings = EngineSettings(poll_s=0.05, owner_timeout_s=100_000.0)
        clock: Any = Mortal(self.clock, self.life, counted=False)
        workflows = [DuplicateEnvironment(), DeleteEnvironment()]
        return Engine(stores, DuplicateTools(self, self.known), workflows, clock, settings)

    @override
    def plan(self, kind: str = "duplicate_environment", **params: Any) -> Plan:
        return self.engine.plan(kind, self._with_defaults(kind, params))

    @override
    def submit(self, kind: str = "duplicate_environment", **params: Any) -> Operation:
        params = self._with_defaults(kind, params)
        return self.engine.submit(kind, params, self.engine.plan(kind, params))

    @override
    def run(self, kind: str = "duplicate_environment", **params: Any) -> Operation:
        return self.engine.run(self.submit(kind, **params).id)

    def world(self) -> Any:
        """Everything that there is: what stands, what is registered, what the clouds hold."""
        return (
            self.sites.standing(),
            sorted(self.known.known),
            {n: (s.values, s.contents, s.bytes) for n, s in self.sites.sites.items()},
        )

    @staticmethod
    def _with_defaults(kind: str, params: dict[str, Any]) -> dict[str, Any]:
        if kind != "duplicate_environment":
            return {"environment": "twin", **params}
        return {"environment": "old", "name": "twin", "release": "2026.2", **params}
