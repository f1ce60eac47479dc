"""`pumphouse env`: the clouds under management."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pumphouse.cli import duplication, tables
from pumphouse.cli.address import parse_options
from pumphouse.cli.failures import Exit
from pumphouse.cli.output import Format, Output, show
from pumphouse.cli.running import Yes, ask, need_somebody
from pumphouse.cli.session import session_of
from pumphouse.domain.errors import InvalidInputError

app = typer.Typer(no_args_is_help=True, help="Environments: the OpenStack clouds under management.")
Name = Annotated[str, typer.Argument(metavar="ENV", help="Name or id of the environment.")]
Deployer = Annotated[
    str | None, typer.Option(help="What builds and takes down its nodes: lab, command, or none with ''.")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Read the cloud anew first.")]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the deployer; repeatable."),
]


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The name it shall have; it never changes.")],
    cloud: Annotated[str | None, typer.Option(help="The entry of clouds.yaml.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="The clouds.yaml; the usual places and the lab's if left out.")
    ] = None,
    openrc: Annotated[
        Path | None, typer.Option(help="An openrc file instead: its OS_ variables, kept encrypted.")
    ] = None,
    from_env: Annotated[
        bool, typer.Option("--from-env", help="The shell's OS_ variables instead, kept encrypted.")
    ] = False,
    store: Annotated[
        bool, typer.Option("--store", help="Keep an encrypted copy of the credentials.")
    ] = False,
    deployer: Deployer = None,
    option: Option = None,
    output: Output = Format.TABLE,
) -> None:
    """Take a cloud under management and discover it: from --cloud, --openrc or --from-env."""
    from pumphouse.wire.environment import NewEnvironment

    if sum((cloud is not None, openrc is not None, from_env)) != 1:
        raise typer.BadParameter("give one of --cloud ENTRY, --openrc FILE and --from-env")
    if config is not None and cloud is None:
        raise typer.BadParameter("--config names the file of --cloud")
    session = session_of(context)
    wanted = NewEnvironment.model_construct(
        _fields_set=None,
        name=name,
        cloud=cloud,
        config_file=str(config.expanduser().absolute()) if config else None,
        variables=None if cloud is not None else _variables(openrc, asks=session.interactive),
        store=store,
        deployer=deployer,
        deployer_options=parse_options(option or ()),
    )
    added = session.client.add_environment(wanted)
    show(output, added, lambda: tables.environment(added))
    if added.status == "unreachable":
        typer.echo(f"It does not answer now; look with: pumphouse env check {added.name}", err=True)


def _variables(openrc: Path | None, *, asks: bool) -> dict[str, str]:
    """OS_* variables of a file, or of the shell. A password that the file asks for (as Horizon's do) is asked for here as well."""
    from pumphouse.cli.openrc import of_shell, placed, read_openrc

    if openrc is None:
        return placed(of_shell(os.environ), Path.cwd())
    found = read_openrc(openrc.expanduser())
    variables = placed(found.variables, openrc.expanduser().absolute().parent)
    for name in found.computed:
        if name != "OS_PASSWORD" or not asks:
            raise InvalidInputError(
                name,
                None,
                f"{openrc} lets the shell work it out, and we do not execute it",
                hint=f"source {openrc}, then: pumphouse env add NAME --from-env",
            )
        variables[name] = typer.prompt(
            f"Password of {variables.get('OS_USERNAME', 'the user')}", hide_input=True, err=True
        )
    return variables


@app.command("list")
def list_all(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List all environments."""
    found = session_of(context).client.environments()
    show(output, found, lambda: tables.environments(found))


@app.command("show")
def show_one(
    context: typer.Context,
    name: Name,
    refresh: Annotated[bool, typer.Option("--refresh", help="Discover the cloud anew first.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show an environment with what was discovered in it."""
    client = session_of(context).client
    found = client.discover(name) if refresh else client.environment(name)
    show(output, found, lambda: tables.environment(found))


@app.command("settings")
def settings(
    context: typer.Context, name: Name, refresh: Refresh = False, output: Output = Format.TABLE
) -> None:
    """Show how an environment is built: each setting with its source, as last read; read now when it never was."""
    from pumphouse.cli import settings_tables

    found = session_of(context).client.settings(name, refresh=refresh)
    show(output, found, lambda: settings_tables.settings(found))


@app.command("diff")
def diff(
    context: typer.Context,
    left: Annotated[str, typer.Argument(metavar="ENV", help="Where nodes and tenants come from.")],
    right: Annotated[str, typer.Argument(metavar="ENV2", help="Where they would move.")],
    refresh: Refresh = False,
    output: Output = Format.TABLE,
) -> None:
    """Compare two environments; exit code 1 when a critical finding speaks against moving nodes and tenants from the first to the second."""
    from pumphouse.cli import settings_tables

    found = session_of(context).client.diff(left, right, refresh=refresh)
    show(output, found, lambda: settings_tables.diff(found))
    if found.status == "blocked":
        raise typer.Exit(Exit.FAILED)


@app.command("check")
def check(context: typer.Context, name: Name, output: Output = Format.TABLE) -> None:
    """Try the credentials against each service; exit code 1 when one of them fails."""
    found = session_of(context).client.check_environment(name)
    show(output, found, lambda: tables.checks(found))
    if any(one.status != "ok" for one in found):
        raise typer.Exit(Exit.FAILED)


@app.command("set")
def change(
    context: typer.Context,
    name: Name,
    deployer: Deployer = None,
    option: Option = None,
    output: Output = Format.TABLE,
) -> None:
    """Set the deployer or its options; KEY=null takes an option away."""
    from pumphouse.wire.environment import EnvironmentChange

    if deployer is None and not option:
        raise typer.BadParameter("nothing to set: give --deployer or --option")
    change = EnvironmentChange.model_construct(
        _fields_set=None, deployer=deployer, deployer_options=parse_options(option) if option else None
    )
    found = session_of(context).client.change_environment(name, change)
    show(output, found, lambda: tables.environment(found))


@app.command("remove")
def remove(context: typer.Context, name: Name, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Forget an environment; the cloud itself is not touched."""
    session = session_of(context)
    found = session.client.environment(name)
    if not yes:
        need_somebody(session)
        ask(f"Forget environment {found.name}? The cloud is not touched.")
    session.client.remove_environment(name)
    gone = found.model_copy(update={"status": "removed"})
    if output is not Format.TABLE:
        show(output, gone, lambda: tables.environment(gone))
    else:
        typer.echo(f"Environment {found.name} was removed.")


app.command("duplicate")(duplication.duplicate)
app.command("delete")(duplication.delete)
