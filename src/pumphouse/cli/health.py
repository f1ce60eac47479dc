"""`pumphouse health`: check an environment, and look at earlier checks."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pumphouse.cli import tables
from pumphouse.cli.failures import Exit
from pumphouse.cli.output import Format, Output, show
from pumphouse.cli.running import DryRun, carry_out
from pumphouse.cli.session import session_of
from pumphouse.domain.errors import PermanentError

if TYPE_CHECKING:
    from pumphouse.wire.operation import OperationView

app = typer.Typer(no_args_is_help=True, help="Health: sets of checks on an environment.")
Environment = Annotated[str, typer.Argument(metavar="ENV", help="Name or id of the environment.")]


class NoHealthRunError(PermanentError):
    """There is no result to show yet."""

    code = "not-found"


class CheckSet(StrEnum):
    """Which checks."""

    SANITY = "sanity"
    SMOKE = "smoke"


@app.command("run")
def run(
    context: typer.Context,
    environment: Environment,
    check_set: Annotated[
        CheckSet, typer.Option("--set", help="sanity looks only; smoke makes and removes things.")
    ] = CheckSet.SANITY,
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Run a set of checks; nothing is asked, for what it makes it removes. Exit code 4 when a check fails."""
    from pumphouse.wire.health import HealthRequest

    session = session_of(context)
    client = session.client
    wanted = HealthRequest(set=check_set.value)
    failed = False

    def result(operation: "OperationView") -> None:
        nonlocal failed
        runs = client.health(environment, limit=20)
        run = next(
            (r for r in runs if operation.id in {r.id, (r.model_extra or {}).get("operation_id")}), None
        )
        if run is None:
            show(output, operation, lambda: tables.operation(operation))
            return
        failed = run.status not in {"passed", "done"}
        show(output, run, lambda: tables.health_run(run))

    carry_out(
        session,
        plan=lambda: client.plan_health(environment, wanted),
        start=lambda key: client.start_health(environment, wanted, idempotency_key=key),
        output=output,
        yes=True,
        dry_run=dry_run,
        result=result,
    )
    if failed:
        raise typer.Exit(Exit.WITH_ERRORS)


@app.command("show")
def show_runs(
    context: typer.Context,
    environment: Environment,
    history: Annotated[bool, typer.Option("--history", help="All runs instead of the last one.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show the last run, or the list of runs."""
    found = session_of(context).client.health(environment)
    if history:
        show(output, found, lambda: tables.health_runs(found))
        return
    if not found:
        raise NoHealthRunError(
            f"no health check of {environment} was run", hint=f"run: pumphouse health run {environment}"
        )
    last = found[0]
    show(output, last, lambda: tables.health_run(last))
