"""Use cases of environments: add, list, discover, check, change, remove."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pumphouse.domain.confidential import MASK, holds, is_sealed, sealed
from pumphouse.domain.environment import AccessCheck, CloudAccess, Environment
from pumphouse.domain.errors import (
    CloudFaultError,
    ConflictError,
    CredentialsError,
    InvalidInputError,
    NotFoundError,
)
from pumphouse.domain.events import NewEvent
from pumphouse.domain.operation import HOLDS_LOCKS, Operation, OperationStatus
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.ports.access import CloudEntries
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import EnvironmentStore, EventStore, OperationStore
from pumphouse.ports.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class AddEnvironment:
    """What is needed to manage a cloud; see wire/environment.py for the meaning of each."""

    name: str
    cloud: str | None = None
    config_file: str | None = None
    store: bool = False
    deployer: str | None = None
    deployer_options: Mapping[str, Any] | None = None
    variables: Mapping[str, str] | None = field(default=None, repr=False)


class Environments:
    """Environments under management. `seal` encrypts the secrets among a deployer's options; `try_deployer` makes the deployer that an environment names, so that wrong
    options are said at once (InvalidInputError); `changed` is told the name of an
    environment whose access or deployer is no longer what it was.
    """

    def __init__(
        self,
        *,
        store: EnvironmentStore,
        events: EventStore,
        tools: Toolbox,
        entries: CloudEntries,
        operations: OperationStore,
        clock: Clock,
        seal: Callable[[str], str],
        try_deployer: Callable[[Environment], object],
        changed: Callable[[str], None],
    ) -> None:
        self._store = store
        self._events = events
        self._tools = tools
        self._entries = entries
        self._operations = operations
        self._clock = clock
        self._seal = seal
        self._try_deployer = try_deployer
        self._changed = changed

    def list(self) -> Sequence[Environment]:
        """All, by name."""
        return self._store.environments()

    def show(self, name_or_id: str) -> Environment:
        """One.

        Raises:
            NotFoundError: the hint lists those that there are.
        """
        with suppress(NotFoundError):
            return self._store.environment(name_or_id)
        known = ", ".join(e.name for e in self._store.environments())
        raise NotFoundError(
            "environment",
            name_or_id,
            hint=f"known: {known}" if known else "add one with 'pumphouse env add NAME --cloud ENTRY'",
        )

    def add(self, wanted: AddEnvironment) -> Environment:
        """Take a cloud under management and look at it once.

        A cloud that cannot be reached now is added with the status `unreachable`; one that refuses the credentials is not added.

        Raises:
            ConflictError: the name is taken.
            InvalidInputError: no such entry, a missing or wrong variable, no such deployer, or wrong options for it.
            CredentialsError: the cloud refused them.
        """
        if any(e.name == wanted.name for e in self._store.environments()):
            raise ConflictError(
                f"there is an environment {wanted.name!r} already",
                hint=f"choose another name, or remove it first: pumphouse env remove {wanted.name}",
            )
        environment = Environment(
            id=self._clock.new_id(),
            name=wanted.name,
            access=self._access(wanted),
            deployer=wanted.deployer or None,
            deployer_options=_given(wanted.deployer_options or {}),
            added_at=self._clock.now(),
        )
        environment = self._checked(environment)
        self._store.add_environment(environment)
        self._changed(environment.name)
        try:
            environment = self.refresh(environment.name)
        except CloudFaultError:
            environment = self._store.environment(environment.id)
        except CredentialsError:
            self._store.remove_environment(environment.id)
            self._changed(environment.name)
            raise
        self._tell("environment.added", f"environment {environment.name} was added", environment)
        return environment

    def refresh(self, name_or_id: str) -> Environment:
        """Discover the cloud anew and keep what was found.

        Raises:
            CloudFaultError: it cannot be reached; its status is `unreachable` afterwards, its old facts stay.
            CredentialsError: it refused us; its status is `refused` afterwards.
        """
        environment = self.show(name_or_id)
        try:
            facts = self._tools.cloud(environment.name).facts()
        except CloudFaultError:
            self._store.put_found(environment.id, status="unreachable")
            raise
        except CredentialsError:
            self._store.put_found(environment.id, status="refused")
            raise
        return self._store.put_found(environment.id, status="ok", facts=facts, facts_at=self._clock.now())

    def check(self, name_or_id: str) -> tuple[Environment, Sequence[AccessCheck]]:
        """Try the credentials against each service; the environment's status follows from the answers."""
        environment = self.show(name_or_id)
        checks = self._tools.cloud(environment.name).check()
        status = "ok" if all(c.ok for c in checks) else "degraded"
        return self._store.put_found(environment.id, status=status), checks

    def change(
        self, name_or_id: str, *, deployer: str | None, deployer_options: Mapping[str, Any] | None
    ) -> Environment:
        """Set the deployer ("" for none) or merge its options (a None value takes an option away).

        Raises:
            InvalidInputError: no such deployer, or wrong options for it; nothing is changed.
        """
        environment = self.show(name_or_id)
        if deployer is not None:
            environment = replace(environment, deployer=deployer or None)
        if deployer_options is not None:
            merged = {**environment.deployer_options, **_given(deployer_options)}
            environment = replace(
                environment, deployer_options={k: v for k, v in merged.items() if v is not None}
            )
        checked = self._checked(environment)
        environment = self._store.put_deployer(
            checked.id, deployer=checked.deployer, options=checked.deployer_options
        )
        self._changed(environment.name)
        self._tell("environment.changed", f"environment {environment.name} was changed", environment)
        return environment

    def remove(self, name_or_id: str) -> None:
        """Forget an environment; the cloud itself is not touched.

        Raises:
            ConflictError: an operation may still go on or back there, we hold nodes or tenants of it in maintenance, or tenants are half way between it and another.
        """
        environment = self.show(name_or_id)
        self._must_be_free(environment.name)
        self._store.remove_environment(environment.id)
        self._forget_migrations(environment.name)
        self._changed(environment.name)
        self._tell("environment.removed", f"environment {environment.name} was removed", environment)

    def _access(self, wanted: AddEnvironment) -> CloudAccess:
        """Variables are in no file that could own them: they are always sealed."""
        if (wanted.cloud is None) == (wanted.variables is None):
            raise InvalidInputError(
                "cloud",
                wanted.cloud,
                "either an entry of clouds.yaml or OS_ variables are needed, and not both",
                hint="give one of --cloud ENTRY, --openrc FILE and --from-env",
            )
        if wanted.variables is not None:
            return self._entries.seal_variables(wanted.name, wanted.variables)
        access = self._entries.find(str(wanted.cloud), wanted.config_file)
        return self._entries.seal(access) if wanted.store else access

    def _checked(self, environment: Environment) -> Environment:
        """The environment as it may be stored, once its deployer takes the options."""
        if environment.deployer is not None:
            self._try_deployer(environment)
        return replace(environment, deployer_options=sealed(environment.deployer_options, self._seal))

    def _must_be_free(self, name: str) -> None:
        operation = self._in_the_way(name)
        if operation is not None:
            raise ConflictError(
                f"environment {name} is needed by operation {operation.id} ({operation.title}), which is {operation.status.replace('_', ' ')}",
                hint=_way_out(operation),
            )
        held = [m.node for m in self._store.maintenances(name)]
        if held:
            raise ConflictError(
                f"environment {name} has nodes that we hold in maintenance: {', '.join(held)}",
                hint=f"take them out of it first: pumphouse node maintenance off {name}/{held[0]}",
            )
        fences = self._tools.fences.fences(name)
        if fences:
            fenced = ", ".join(f.tenant_name for f in fences)
            raise ConflictError(
                f"environment {name} has tenants in maintenance, and only we know how to lift that: {fenced}",
                hint=f"take them out of it first: pumphouse tenant maintenance off {name}/{fences[0].tenant_id}",
            )

        self._no_tenant_half_way(name)

    def _no_tenant_half_way(self, name: str) -> None:
        """Only our records know which thing there stands for which thing here: without them neither commit nor rollback is possible."""
        for source, tenant_id, destination in self._migrations(name):
            moves = self._tools.moves.moves(source, tenant_id, destination)
            if all(move.state is MoveState.COMMITTED for move in moves):
                continue
            which = f"{source}/{tenant_id} --to {destination}"
            raise ConflictError(
                f"environment {name} has a tenant half way from {source} to {destination}: {_called(tenant_id, moves)}",
                hint=f"end that first: pumphouse tenant commit {which}, which deletes its source, or pumphouse tenant rollback {which}",
            )

    def _forget_migrations(self, name: str) -> None:
        """Those that are committed: another environment may get the name."""
        for migration in self._migrations(name):
            self._tools.moves.drop_moves(*migration)

    def _migrations(self, name: str) -> Sequence[tuple[str, str, str]]:
        known = [(m["source"], m["tenant_id"], m["destination"]) for m in self._tools.moves.migrations()]
        return [one for one in known if name in {one[0], one[2]}]

    def _in_the_way(self, name: str) -> Operation | None:
        """Its own operations, and those of other environments that hold it, a node or a tenant of it, such as a move towards it."""
        own = self._operations.operations(environment=name, statuses=HOLDS_LOCKS, roots_only=True, limit=1)
        if own:
            return own[0]
        for lock, operation_id in self._operations.held_locks().items():
            if lock == f"environment:{name}" or lock.startswith((f"node:{name}/", f"tenant:{name}/")):
                return self._operations.operation(operation_id)
        return None

    def _tell(self, type: str, message: str, environment: Environment) -> None:
        self._events.append(
            [NewEvent(type=type, message=message, subject=environment.name, environment=environment.name)]
        )


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that somebody wrote. The mask is what our answers show in place of a secret: sent back, it would become the secret."""
    for name, value in options.items():
        if holds(value, lambda inner: inner == MASK or is_sealed(inner)):
            raise InvalidInputError(
                f"deployer_options.{name}",
                value,
                f"holds {MASK}, which stands for a value that is not shown",
                hint="give the value itself, or leave the option out to keep it",
            )
    return dict(options)


def _called(tenant_id: str, moves: Sequence[Move]) -> str:
    names = (m.name for m in moves if m.kind is ResourceKind.PROJECT and m.source_id == tenant_id)
    return next(names, tenant_id)


def _way_out(operation: Operation) -> str:
    if operation.status is OperationStatus.UNDO_FAILED:
        return f"let its undo succeed: pumphouse operation retry {operation.id}"
    if operation.status is OperationStatus.UNDOING:
        return f"let it finish: pumphouse operation watch {operation.id}"
    return f"let it finish, or cancel it: pumphouse operation cancel {operation.id}"
