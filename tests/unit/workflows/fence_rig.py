"""A cloud in memory with tenants, policies and a prober, and the real engine and journal on a SQLite file; used by the tests of fences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from pumphouse.domain.operation import Operation
from pumphouse.domain.plan import Plan
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.ports.fences import FenceStore
from pumphouse.ports.policy import PolicyHost
from pumphouse.workflows.lock_tenant import LockTenant, UnlockTenant, VerifyTenant
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.database import new_database
from tests.fakes.policy import FakePolicyHost
from tests.fakes.prober import Attempt, FakeProber
from tests.fakes.tenants import FakeTenants
from tests.fakes.toolbox import FakeToolbox
from tests.unit.workflows.mortal import Life, Mortal
from tests.unit.workflows.rig import Rig

CACHE_S = 300.0
WRITERS = frozenset({"member", "manager", "_member_", "own"})


class FenceTools(FakeToolbox):
    """One process's toolbox: its journal goes through its own database connections, so that a dead process writes nothing more."""

    def __init__(self, rig: "FenceRig", journal: FenceStore) -> None:
        super().__init__(rig.clock, rig.cloud)
        self._rig, self._journal = rig, journal

    @property
    @override
    def fences(self) -> FenceStore:
        return self._journal

    @override
    def tenants(self, environment: str) -> Any:
        return self._rig.mortal(self._rig.keystone)

    @override
    def prober(self, environment: str) -> Any:
        return self._rig.mortal(self._rig.prober)

    @override
    def policy(self, environment: str) -> PolicyHost | None:
        if self._rig.host is None:
            return None
        host: Any = self._rig.mortal(self._rig.host)
        return host


class FenceRig(Rig):
    """`old` with a tenant `acme`: a direct member, a group, an inherited grant, a role of the operator's own, an auditor, credentials and a trust."""

    def __init__(self, folder: Path, *, policies: bool = True, inherited: bool = True) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.cloud = FakeCloud("old", self.clock)
        self.keystone = FakeTenants("old")
        self.host = FakePolicyHost(self.cloud) if policies else None
        # keystone lets everybody make application credentials, whatever his role
        self.honours_reader = {"nova", "glance", "neutron", "cinder"}
        self.prober = FakeProber("old", self.clock, roles_of=self.keystone.may, is_locked=self._is_locked)
        self.prober.decide = self.decide
        self._people(inherited=inherited)
        self.database = folder / "rig.db"
        self._open: list[Stores] = []
        self.stores = Stores(new_database(self.database), clock=self.clock)
        self.engine = self.new_engine()

    def _people(self, *, inherited: bool) -> None:
        k = self.keystone
        self.tenant = k.add_project("acme")
        self.sibling = k.add_project("sibling")
        self.member, self.grouped, self.heir = k.add_user("ann"), k.add_user("bob"), k.add_user("eve")
        self.own, self.auditor, self.trustee = k.add_user("own"), k.add_user("audit"), k.add_user("heat")
        k.add_role("own")
        group = k.add_group("eng", self.grouped, k.add_user("ben"))
        k.give(self.member, "member", self.tenant)
        k.give(group, "member", self.tenant)
        k.give(self.own, "own", self.tenant)
        k.give(self.auditor, "reader", self.tenant)
        k.give(k.us, "admin", self.tenant)
        k.give(k.add_user("nova"), "service", self.tenant)
        if inherited:
            k.give(self.heir, "member", self.tenant.domain_id, inherited=True)
        self.credential = k.add_credential(self.member, self.tenant, "member")
        self.trust = k.add_trust(self.member, self.trustee, self.tenant, "member")
        self.running = k.add_server(self.tenant, "web")
        self.kept = k.add_server(self.tenant, "db", locked=True, reason="mine")
        self.prober.things[self.tenant.id] = {**_targets(), "server": self.running.id}

    def _is_locked(self, server_id: str) -> bool:
        return server_id not in self.keystone.servers or self.keystone.servers[server_id][1].locked

    def decide(self, attempt: Attempt) -> int:
        """As the services do: policy files at once, roles by the token while it is cached, `reader` where it is honoured."""
        cached = attempt.age_s < CACHE_S and attempt.label == "token from before"
        roles = attempt.token_roles if cached else attempt.roles
        if not roles:
            return 401
        if not attempt.writes:
            return 200
        if self.host is not None and self.host.fenced(attempt.service, attempt.tenant_id):
            return 403
        if attempt.service in self.honours_reader and not roles & WRITERS:
            return 403
        return 200

    def mortal(self, inner: Any) -> Any:
        return Mortal(inner, self.life, counted=True)

    @override
    def new_engine(self) -> Engine:
        self.life = Life()
        stores = Stores(f"sqlite:///{self.database}", clock=self.clock)
        self.life.guard(stores.database)
        self._open.append(stores)
        settings = EngineSettings(poll_s=0.05, owner_timeout_s=100_000.0)
        clock: Any = Mortal(self.clock, self.life, counted=False)
        workflows = [LockTenant(), UnlockTenant(), VerifyTenant()]
        return Engine(stores, FenceTools(self, stores), workflows, clock, settings)

    def snapshot_all(self) -> Mapping[str, Any]:
        """Everything that must be as before when the fence is gone."""
        texts = dict(self.host.texts) if self.host else {}
        # glance keeps rules whose file is gone: a file that says the defaults is left there
        texts.pop("glance", None)
        return {
            **self.keystone.snapshot(),
            "texts": texts,
            "made": {k: v for k, v in self.prober.made.items() if v},
        }

    @property
    def is_open(self) -> bool:
        """Whether glance lets the tenant write, too."""
        return self.host is None or not any(self.host.fenced(s, self.tenant.id) for s in self.host.names)

    @override
    def plan(self, kind: str, **params: Any) -> Plan:
        return self.engine.plan(kind, self._all(params))

    @override
    def submit(self, kind: str, **params: Any) -> Operation:
        params = self._all(params)
        return self.engine.submit(kind, params, self.engine.plan(kind, params))

    def lift(self) -> Operation:
        """`off`, as the services do it: what stands still makes way."""
        held = self.stores.held_locks()
        for operation_id in set(held.values()):
            self.engine.cancel(operation_id)
        return self.run("unlock_tenant")

    def _all(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"environment": "old", "tenant": self.tenant.id, "name": "acme", **params}


def _targets() -> dict[str, str]:
    from tests.fakes.prober import EVERYTHING

    return dict(EVERYTHING)
