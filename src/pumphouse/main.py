"""The entry, and the only place that puts drivers into ports: `build_application` for everybody, `run` for the command line."""

import atexit
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pumphouse.cli.session import Connection, Options
from pumphouse.drivers.clock import SystemClock
from pumphouse.ports.clock import Clock

if TYPE_CHECKING:
    import typer
    from fastapi import FastAPI

    from pumphouse.config import Settings
    from pumphouse.domain.environment import Environment
    from pumphouse.drivers.database.stores import Stores
    from pumphouse.drivers.notify.outbox import Outbox
    from pumphouse.drivers.toolbox import DriverToolbox
    from pumphouse.drivers.transfer.ends import EndOf
    from pumphouse.drivers.transfer.transfers import Transfers
    from pumphouse.engine.engine import Engine
    from pumphouse.engine.workflow import Workflow
    from pumphouse.lab.lab import Lab
    from pumphouse.ports.deployer import Deployer
    from pumphouse.ports.notifier import Notifier
    from pumphouse.ports.passwords import PasswordDatabase
    from pumphouse.services.access import Authenticator
    from pumphouse.services.door import Services

T = TypeVar("T")
DEPLOYERS = "pumphouse.deployers"


class _Once(Generic[T]):
    """Makes a thing when it is first asked for; safe for many threads."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    @property
    def made(self) -> bool:
        return bool(self._made)

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that runs, wired. Whoever makes one closes it. The engine is made when it is first asked for: it is slow to import,
    and most commands only look.
    """

    settings: "Settings"
    stores: "Stores"
    tools: "DriverToolbox"
    engine: "_Once[Engine]"
    services: "Services"
    outbox: "Outbox"

    def app(self, authenticator: "Authenticator") -> "FastAPI":
        """The REST API over it."""
        from pumphouse.api.app import create_app

        return create_app(self.services, authenticator)

    def close(self) -> None:
        """Stop what runs here (it can be resumed), deliver what is due, give back connections."""
        if self.engine.made:
            self.engine().close(timeout_s=self.settings.shutdown_s)
        self.outbox.close()
        self.tools.close()
        self.stores.close()


def build_application(settings: "Settings", *, clock: Clock | None = None) -> Application:
    """Wire an application.

    Raises:
        InvalidInputError: a setting that cannot work.
        StoreFaultError: the database cannot be reached.
    """
    from pumphouse.drivers.database.stores import Stores
    from pumphouse.drivers.entries import ClientConfigEntries, CloudLimits, usual_places
    from pumphouse.drivers.secrets.key_file import KeyFileSecrets
    from pumphouse.drivers.toolbox import DriverToolbox
    from pumphouse.lab.layout import default_state_dir as lab_dir
    from pumphouse.services.door import Services
    from pumphouse.services.environments import Environments
    from pumphouse.services.events import Events
    from pumphouse.services.fences import Fences
    from pumphouse.services.health import Health
    from pumphouse.services.migrations import Migrations
    from pumphouse.services.nodes import Nodes
    from pumphouse.services.operations import Operations
    from pumphouse.services.settings import EnvironmentSettings
    from pumphouse.services.tenants import Tenants

    clock = clock or SystemClock()
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    stores = Stores(settings.database, clock=clock)
    secrets = KeyFileSecrets(settings.keys)
    entries = ClientConfigEntries(
        places=usual_places(settings.state_dir, lab_dir()),
        secrets=secrets,
        clock=clock,
        limits=CloudLimits(settings.cloud_concurrency, settings.cloud_connect_s, settings.cloud_read_s),
    )
    deployer_of = partial(load_deployer, unseal=secrets.unseal)
    tools = DriverToolbox(
        stores,
        open_cloud=entries.open,
        open_workbench=entries.open_workbench,
        open_tenants=entries.open_tenants,
        open_prober=entries.open_prober,
        open_settings=entries.open_settings,
        open_furnisher=entries.open_furnisher,
        open_resources=entries.open_resources,
        open_passwords=partial(_keystone_database, settings),
        load_deployer=deployer_of,
        open_transport=entries.open_transport,
        make_transfers=partial(_transfers, settings, clock),
    )
    engine = _Once(lambda: _engine(settings, stores, tools, clock))
    environments = Environments(
        store=stores,
        events=stores,
        tools=tools,
        entries=entries,
        operations=stores,
        clock=clock,
        seal=secrets.seal,
        try_deployer=deployer_of,
        changed=tools.forget,
    )
    operations = Operations(engine, store=stores, clock=clock, owner_timeout_s=settings.owner_timeout_s)
    tenants = Tenants(environments=environments, tools=tools)
    services = Services(
        environments=environments,
        settings=EnvironmentSettings(store=stores, environments=environments, tools=tools, clock=clock),
        nodes=Nodes(environments=environments, store=stores, tools=tools),
        tenants=tenants,
        fences=Fences(tools=tools, operations=operations, store=stores, clock=clock),
        migrations=Migrations(
            environments=environments, tenants=tenants, moves=stores, operations=stores, clock=clock
        ),
        operations=operations,
        events=Events(stores),
        health=Health(store=stores, environments=environments),
    )
    return Application(settings, stores, tools, engine, services, _outbox(settings, stores, clock))


def _keystone_database(settings: "Settings", environment: str) -> "PasswordDatabase | None":
    url = settings.keystone_databases.get(environment)
    if url is None:
        return None
    from pumphouse.drivers.keystone_database.database import KeystoneDatabase

    return KeystoneDatabase(environment, url.get_secret_value())


def deployer_names() -> Sequence[str]:
    """The installed deployers."""
    from stevedore import ExtensionManager

    return sorted(ExtensionManager(DEPLOYERS, invoke_on_load=False).entry_points_names())


def load_deployer(environment: "Environment", *, unseal: Callable[[str], str]) -> "Deployer":
    """The deployer of an environment, from the entry point that it names. Only here are its options opened.

    Raises:
        InvalidInputError: no such deployer is installed, or its options are wrong.
        CredentialsError: no key opens its options.
    """
    from stevedore.driver import DriverManager
    from stevedore.exception import NoMatches

    from pumphouse.domain.confidential import unsealed
    from pumphouse.domain.errors import InvalidInputError

    name = environment.deployer or ""
    try:
        found: DriverManager[Any] = DriverManager(DEPLOYERS, name)
    except NoMatches as error:
        raise InvalidInputError(
            "deployer", name, "it is not installed", hint=f"installed: {', '.join(deployer_names())}"
        ) from error
    make: Callable[[Environment, Mapping[str, Any]], Deployer] = found.driver
    return make(environment, unsealed(environment.deployer_options, unseal))


def register_lab(lab: "Lab") -> None:
    """Register the clouds of a lab as environments, with the deployer `lab`; what is registered already is brought up to date."""
    from pumphouse.services.lab_registration import LabRegistration

    application = build_application(_settings(Options()))
    try:
        LabRegistration(
            application.services.environments, application.stores, application.engine, _say
        ).bring_up_to_date(lab)
    finally:
        application.close()


class ProcessWiring:
    """What the command line is given in a real process."""

    def __init__(self) -> None:
        self.clock: Clock = SystemClock()

    def connect(self, options: Options) -> Connection:
        """To the configured server, or to an application made here."""
        from pumphouse.client.connect import in_process, over_http
        from pumphouse.drivers.token_file import read_needed
        from pumphouse.services.access import Actor, LocalOperator, Role

        settings = _settings(options)
        if settings.server:
            token = settings.token.get_secret_value() if settings.token else read_needed(settings.own_token)
            client = over_http(settings.server, token)
            return Connection(client, in_process=False, close=client.close)
        _configure_logs(settings, to_stderr=False)
        application = build_application(settings, clock=self.clock)
        application.outbox.start()
        client = in_process(application.app(LocalOperator(Actor(_user(), Role.ADMIN))))

        def close() -> None:
            client.close()
            application.close()

        def rest(seconds: float) -> None:
            if application.engine.made:
                application.engine().rest(seconds)
            else:
                self.clock.sleep(seconds)

        return Connection(client, in_process=True, close=close, rest=rest)

    def serve(self, options: Options, host: str | None, port: int | None) -> None:
        """Run the server until SIGINT or SIGTERM."""
        import uvicorn

        from pumphouse.drivers.token_file import read_or_make
        from pumphouse.engine.recovery import Recovery
        from pumphouse.services.access import Role, Token, TokenAuthenticator, hash_token
        from pumphouse.services.lifting import Lifting

        settings = _settings(options)
        _configure_logs(settings, to_stderr=True)
        application = build_application(settings, clock=self.clock)
        recovery = Recovery(application.engine(), every_s=settings.owner_timeout_s)
        lifting = Lifting(application.services, application.stores, self.clock, settings.owner_timeout_s)
        try:
            tokens = [Token("server", Role.ADMIN, hash_token(read_or_make(settings.own_token)))]
            tokens += [Token(t.name, Role[t.role.upper()], t.sha256) for t in settings.tokens]
            application.outbox.start()
            recovery.start()
            lifting.start()
            address, at = host or settings.host, port or settings.port
            # uvicorn hands a signal on when it has shut down; ours is the rest of the way
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
            _say(f"Pumphouse serves http://{address}:{at}/v1; its token is in {settings.own_token}")
            uvicorn.run(
                application.app(TokenAuthenticator(tokens)),
                host=address,
                port=at,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
                server_header=False,
            )
        finally:
            lifting.close()
            recovery.close()
            application.close()


def run() -> None:
    """The `pumphouse` command."""
    _spare_the_collector()
    from pumphouse.cli import app as command_line

    # os-brick imports it when a volume is attached: nothing that a user could mend
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    command_line.LAZY["lab"] = ("Two real OpenStack clouds of different releases on this machine.", _load_lab)
    command_line.app(obj=ProcessWiring(), prog_name="pumphouse")


def _spare_the_collector() -> None:
    """What is imported lives as long as the process: to look through it for garbage again and again while it is made, and once more at the end, took 0.65 s of the
    1.8 s of a command that only reads our own records (measured, Python 3.11).
    """
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.freeze)


def _load_lab() -> "typer.Typer":
    from pumphouse.lab import commands

    if register_lab not in commands.on_up:
        commands.on_up.append(register_lab)
    return commands.app


def _settings(options: Options) -> "Settings":
    from pumphouse import config

    if options.config:
        os.environ["PUMPHOUSE_CONFIG"] = options.config
    return config.load(server=options.server)


def _configure_logs(settings: "Settings", *, to_stderr: bool) -> None:
    from pumphouse.drivers import logs

    logs.configure(level=settings.log_level, file=None if to_stderr else settings.log)


def _engine(settings: "Settings", stores: "Stores", tools: "DriverToolbox", clock: Clock) -> "Engine":
    from pumphouse.engine.engine import Engine
    from pumphouse.engine.settings import EngineSettings

    return Engine(
        stores,
        tools,
        _workflows(),
        clock,
        EngineSettings(
            owner_timeout_s=settings.owner_timeout_s,
            poll_s=settings.poll_s,
            operations_at_once=settings.operations_at_once,
        ),
    )


def _workflows() -> "list[Workflow]":
    from pumphouse.workflows.check_health.workflow import CheckHealth
    from pumphouse.workflows.duplicate_environment import DeleteEnvironment, DuplicateEnvironment
    from pumphouse.workflows.evacuate_node.workflow import EvacuateNode
    from pumphouse.workflows.lock_tenant.workflow import LockTenant, UnlockTenant, VerifyTenant
    from pumphouse.workflows.maintain_node.workflow import MaintainNode
    from pumphouse.workflows.migrate_tenant import migration_workflows
    from pumphouse.workflows.reassign_node import DeleteNode, ReassignNode

    return [
        MaintainNode(), EvacuateNode(), ReassignNode(), DeleteNode(), LockTenant(), UnlockTenant(), VerifyTenant(), CheckHealth(),
        DuplicateEnvironment(), DeleteEnvironment(), *migration_workflows(),
    ]  # fmt: skip


def _outbox(settings: "Settings", stores: "Stores", clock: Clock) -> "Outbox":
    from pumphouse.drivers.notify.log import LogNotifier
    from pumphouse.drivers.notify.outbox import Outbox

    notifiers: list[Notifier] = []
    if settings.webhook_url:
        from pumphouse.drivers.notify.webhook import WebhookNotifier

        notifiers.append(WebhookNotifier(settings.webhook_url, timeout_s=settings.webhook_timeout_s))
    notifiers.append(LogNotifier())
    return Outbox(stores, notifiers, clock, give_up_s=settings.webhook_give_up_s)


def _transfers(settings: "Settings", clock: Clock, end_of: "EndOf") -> "Transfers":
    from pumphouse.drivers.transfer.transfers import build

    return build(end_of, clock, settings.transfer_mib_s * (1 << 20))


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid-{os.getuid()}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
