"""Use cases of migrations: which tenants have records of one, which is meant, and its report. Told from our own records, so that it works while a cloud does not answer."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pumphouse.domain.errors import AmbiguousError, CloudFaultError, NotFoundError
from pumphouse.domain.migration import MIGRATE_KIND, REPORT_MEMORY
from pumphouse.domain.operation import Operation
from pumphouse.domain.report import Report, report
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.ports.clock import Clock
from pumphouse.ports.moves import MoveStore
from pumphouse.ports.store import OperationStore
from pumphouse.services.environments import Environments
from pumphouse.services.tenants import ResolvedTenant, Tenants

RUNS = 500
"""How many of an environment's migrations are looked through for the last one of a tenant."""


@dataclass(frozen=True, slots=True)
class RecordedMigration:
    """One tenant on its way to another environment; `states` says how many of its things are how far."""

    source: str
    tenant_id: str
    tenant_name: str
    destination: str
    states: Mapping[MoveState, int]


@dataclass(frozen=True, slots=True)
class ResolvedMigration:
    """A tenant and where it goes; `recorded` says whether anything of it is on record."""

    tenant: ResolvedTenant
    destination: str
    recorded: bool

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters that all operations on a migration have."""
        return {**self.tenant.params, "destination": self.destination}


class Migrations:
    """The migrations of all tenants."""

    def __init__(
        self,
        *,
        environments: Environments,
        tenants: Tenants,
        moves: MoveStore,
        operations: OperationStore,
        clock: Clock,
    ) -> None:
        self._environments = environments
        self._tenants = tenants
        self._moves = moves
        self._operations = operations
        self._clock = clock

    def list(self, environment: str | None = None) -> Sequence[RecordedMigration]:
        """All on record, or those out of one environment and into it, by name or id.

        Raises:
            NotFoundError: no such environment.
        """
        name = None if environment is None else self._environments.show(environment).name
        return [
            self._recorded(*one)
            for one in self._keys()
            if name is None or name in {one[0], one[2]}
        ]  # fmt: skip

    def resolve(self, environment: str, tenant: str, destination: str | None) -> ResolvedMigration:
        """The migration that is meant; without a `destination` the only one of that tenant. A tenant that is gone (it was committed), or whose
        cloud does not answer, is known by our records.

        Raises:
            NotFoundError: no such tenant, or nothing of it is on record and no destination was given.
            AmbiguousError: it has several.
        """
        source = self._environments.show(environment).name
        found = self._tenant(source, tenant)
        known = [d for s, t, d in self._keys() if (s, t) == (source, found.id)]
        if destination is not None:
            name = self._environments.show(destination).name
            return ResolvedMigration(found, name, name in known)
        if not known:
            raise self._none(source, tenant)
        if len(known) > 1:
            raise AmbiguousError(
                f"{source}/{tenant} has migrations to several environments",
                hint=f"say which with --to: {', '.join(known)}",
            )
        return ResolvedMigration(found, known[0], recorded=True)

    def report(self, environment: str, tenant: str, destination: str | None) -> Report:
        """What came of a migration so far.

        Raises:
            NotFoundError: nothing of it is on record.
        """
        meant = self.resolve(environment, tenant, destination)
        source, tenant_id = meant.tenant.environment, meant.tenant.id
        operation = self._last_run(source, tenant_id, meant.destination)
        if not meant.recorded and operation is None:
            raise self._none(source, tenant, meant.destination)
        return report(
            self._moves.moves(source, tenant_id, meant.destination),
            operation,
            () if operation is None else self._operations.items(operation.id, limit=None),
            {} if operation is None else self._operations.memory(operation.id).get(REPORT_MEMORY, {}),
            source=source,
            tenant_id=tenant_id,
            tenant_name=meant.tenant.name,
            destination=meant.destination,
            now=self._clock.now(),
        )

    def _keys(self) -> Iterator[tuple[str, str, str]]:
        for one in self._moves.migrations():
            yield one["source"], one["tenant_id"], one["destination"]

    def _tenant(self, source: str, tenant: str) -> ResolvedTenant:
        try:
            return self._tenants.resolve(source, tenant)
        except (NotFoundError, CloudFaultError):
            known = {t: self._name(s, t, d) for s, t, d in self._keys() if s == source}
            fits = [one for one, name in known.items() if tenant in {one, name}]
            if len(fits) != 1:
                raise
            return ResolvedTenant(source, fits[0], known[fits[0]])

    def _recorded(self, source: str, tenant_id: str, destination: str) -> RecordedMigration:
        moves = self._moves.moves(source, tenant_id, destination)
        states = Counter(move.state for move in moves)
        return RecordedMigration(source, tenant_id, _name_of(tenant_id, moves), destination, states)

    def _name(self, source: str, tenant_id: str, destination: str) -> str:
        projects = self._moves.moves(source, tenant_id, destination, kinds=[ResourceKind.PROJECT])
        return _name_of(tenant_id, projects)

    def _last_run(self, source: str, tenant_id: str, destination: str) -> Operation | None:
        wanted = {"tenant": tenant_id, "destination": destination}
        for listed in self._operations.operations(environment=source, kind=MIGRATE_KIND, limit=RUNS):
            if all(listed.params.get(name) == value for name, value in wanted.items()):
                return self._operations.operation(listed.id)
        return None

    @staticmethod
    def _none(source: str, tenant: str, destination: str = "") -> NotFoundError:
        way = f"{source}/{tenant} --to {destination or 'ENV'}"
        return NotFoundError(
            "migration",
            f"{source}/{tenant}{f' to {destination}' if destination else ''}",
            hint=f"begin one: pumphouse tenant migrate {way}",
        )


def _name_of(tenant_id: str, moves: Sequence[Move]) -> str:
    """The tenant's name as its project is recorded; its id until that is."""
    return next(
        (m.name for m in moves if m.kind is ResourceKind.PROJECT and m.source_id == tenant_id), tenant_id
    )
