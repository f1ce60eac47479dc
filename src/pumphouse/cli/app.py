"""The root of the command line: options, nouns, and the one place where errors become lines and exit codes. Run by `main`."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core
import typer.main
from typing_extensions import override

from pumphouse.cli import environments, health, nodes, notifications, operations, tenants
from pumphouse.cli.failures import Exit, tell
from pumphouse.cli.session import Options, Session, Wiring, session_of

LAZY: dict[str, tuple[str, Callable[[], typer.Typer]]] = {}
"""Nouns that are only imported when they are called: name -> (help, loader). Filled by `main`."""


class Root(typer.core.TyperGroup):
    """Tells errors in the house's way, and imports slow nouns late."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            typer.echo("Interrupted; run it again to go on.", err=True)
            raise typer.Exit(Exit.INTERRUPTED) from None
        except Exception as error:
            if type(error).__module__.startswith("typer."):
                raise  # the parser's own: wrong usage, told by typer
            session = ctx.find_object(Session)
            raise typer.Exit(tell(error, debug=session is not None and session.options.debug)) from error
        finally:
            session = ctx.find_object(Session)
            if session is not None:
                session.close()

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*super().list_commands(ctx), *LAZY})

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in LAZY and cmd_name not in self.commands:
            help_text, _ = LAZY[cmd_name]
            stub = typer.Typer(help=help_text)
            stub.callback(invoke_without_command=True)(_nothing)
            found = typer.main.get_command(stub)
            found.name = cmd_name
            return found
        return super().get_command(ctx, cmd_name)

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in LAZY and args[0] not in self.commands:
            self.add_command(typer.main.get_command(LAZY[args[0]][1]()), args[0])
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    help="Move a living OpenStack cloud to a new release side by side, node by node, with a way back.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 blocked by findings, 4 finished with errors, 130 interrupted.",
)
app.add_typer(environments.app, name="env")
app.add_typer(nodes.app, name="node")
app.add_typer(tenants.app, name="tenant")
app.add_typer(operations.app, name="operation")
app.add_typer(notifications.app, name="notification")
app.add_typer(health.app, name="health")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pumphouse {version('pumphouse')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        str | None, typer.Option("--config", envvar="PUMPHOUSE_CONFIG", help="The configuration file (TOML).")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Speak to this server; PUMPHOUSE_SERVER otherwise."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of the whole command line; `context.obj` is the wiring at first and the session from here on."""
    del version
    wiring: Wiring = context.obj
    context.obj = Session(wiring, Options(debug=debug, config=config, server=server))


@app.command("serve")
def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 127.0.0.1 unless configured.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; 8642 unless configured.")] = None,
) -> None:
    """Run the server: the REST API, and everything that was interrupted goes on."""
    session = session_of(context)
    session.wiring.serve(session.options, host, port)


def _nothing() -> None:
    """Stands for a noun whose module is not imported yet."""
