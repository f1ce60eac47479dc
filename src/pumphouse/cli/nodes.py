"""`pumphouse node`: compute nodes, and the operations on them."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pumphouse.cli import tables
from pumphouse.cli.address import parse_node
from pumphouse.cli.failures import Exit
from pumphouse.cli.output import Format, Output, show, show_plain
from pumphouse.cli.running import DryRun, Yes, carry_out
from pumphouse.cli.session import session_of

if TYPE_CHECKING:
    from pumphouse.wire.model import Request
    from pumphouse.wire.node import NodePage

app = typer.Typer(no_args_is_help=True, help="Nodes: the compute hosts of environments.")
maintenance = typer.Typer(no_args_is_help=True, help="Maintenance: no new server is scheduled on the node.")
app.add_typer(maintenance, name="maintenance")

Address = Annotated[str, typer.Argument(metavar="ENV/NODE", help="The node, for instance old/node-3.")]
Reason = Annotated[str | None, typer.Option(help="Why; shown by Nova and by us.")]


class Stopped(StrEnum):
    """What becomes of servers that do not run."""

    MOVE = "move"
    LEAVE = "leave"


class Suspended(StrEnum):
    """What becomes of suspended servers: their memory cannot travel."""

    REFUSE = "refuse"
    RESUME = "resume"


class OnFailure(StrEnum):
    """What a failure means."""

    PAUSE = "pause"
    SKIP = "skip"
    UNDO = "undo"


Parallel = Annotated[int | None, typer.Option(min=1, max=64, help="How many servers move at once.")]
PerTarget = Annotated[
    int | None, typer.Option(min=1, max=64, help="How many servers move to one node at once.")
]
StoppedOption = Annotated[Stopped | None, typer.Option(help="Move servers that do not run, or leave them.")]
SuspendedOption = Annotated[
    Suspended | None, typer.Option(help="Refuse to move suspended servers, or resume them for it.")
]
OnFailureOption = Annotated[
    OnFailure | None, typer.Option(help="After a failure: stop and wait, go on without it, or undo.")
]


@app.command("list")
def list_all(
    context: typer.Context,
    env: Annotated[str | None, typer.Option(help="Only this environment's.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """List nodes. An environment that does not answer is a row of its own, and the exit code is 4."""
    found = session_of(context).client.nodes(env)
    if output is Format.TABLE:
        show(output, found, lambda: tables.nodes(found))
    else:
        show_plain(output, _rows(found))
    if found.unreachable:
        raise typer.Exit(Exit.WITH_ERRORS)


@app.command("show")
def show_one(context: typer.Context, node: Address, output: Output = Format.TABLE) -> None:
    """Show a node: state, servers by status, capacity, agents."""
    found = session_of(context).client.node(*parse_node(node))
    show(output, found, lambda: tables.node(found))


@maintenance.command("on")
def maintenance_on(
    context: typer.Context,
    node: Address,
    reason: Annotated[str, typer.Option(help="Why; shown by Nova and by us.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """No new server is scheduled on the node; its servers go on."""
    from pumphouse.wire.node import MaintenanceRequest

    wanted = MaintenanceRequest(action="on", reason=reason)
    _carry_out(context, node, "maintenance", wanted, dry_run=dry_run, yes=yes, output=output)


@maintenance.command("off")
def maintenance_off(
    context: typer.Context,
    node: Address,
    reason: Reason = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Put back what was found before the maintenance."""
    from pumphouse.wire.node import MaintenanceRequest

    wanted = MaintenanceRequest(action="off", reason=reason or "")
    _carry_out(context, node, "maintenance", wanted, dry_run=dry_run, yes=yes, output=output)


@app.command("evacuate")
def evacuate(
    context: typer.Context,
    node: Address,
    dry_run: DryRun = False,
    parallel: Parallel = None,
    per_target: PerTarget = None,
    stopped: StoppedOption = None,
    suspended: SuspendedOption = None,
    on_failure: OnFailureOption = None,
    reason: Reason = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Take a node into maintenance and move every server off it."""
    from pumphouse.wire.node import EvacuateRequest

    given = _given(parallel, per_target, suspended, on_failure, reason)
    wanted = EvacuateRequest(**given if stopped is None else {**given, "stopped": stopped})
    _carry_out(context, node, "evacuate", wanted, dry_run=dry_run, yes=yes, output=output)


@app.command("move")
def move(
    context: typer.Context,
    node: Address,
    to: Annotated[str, typer.Option("--to", metavar="ENV", help="The environment that it shall serve.")],
    dry_run: DryRun = False,
    parallel: Parallel = None,
    per_target: PerTarget = None,
    suspended: SuspendedOption = None,
    on_failure: OnFailureOption = None,
    reason: Reason = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Evacuate a node and give it to another environment."""
    from pumphouse.wire.node import MoveRequest

    wanted = MoveRequest(destination=to, **_given(parallel, per_target, suspended, on_failure, reason))
    _carry_out(context, node, "move", wanted, dry_run=dry_run, yes=yes, output=output)


@app.command("delete")
def delete(
    context: typer.Context,
    node: Address,
    evacuate: Annotated[bool, typer.Option("--evacuate", help="Move its servers off first.")] = False,
    dry_run: DryRun = False,
    parallel: Parallel = None,
    per_target: PerTarget = None,
    suspended: SuspendedOption = None,
    on_failure: OnFailureOption = None,
    reason: Reason = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Take a node out of its environment for good."""
    from pumphouse.wire.node import DeleteRequest

    wanted = DeleteRequest(evacuate=evacuate, **_given(parallel, per_target, suspended, on_failure, reason))
    _carry_out(context, node, "delete", wanted, dry_run=dry_run, yes=yes, output=output)


def _carry_out(
    context: typer.Context,
    address: str,
    verb: str,
    wanted: "Request",
    *,
    dry_run: bool,
    yes: bool,
    output: Format,
) -> None:
    session = session_of(context)
    environment, node = parse_node(address)
    client = session.client
    carry_out(
        session,
        plan=lambda: client.plan_node(environment, node, verb, wanted),
        start=lambda key: client.start_node(environment, node, verb, wanted, idempotency_key=key),
        output=output,
        yes=yes,
        dry_run=dry_run,
    )


def _given(
    parallel: int | None,
    per_target: int | None,
    suspended: Suspended | None,
    on_failure: OnFailure | None,
    reason: str | None,
) -> dict[str, Any]:
    """What was said; what was not is left to the workflow's defaults."""
    said = {
        "parallel": parallel,
        "per_target": per_target,
        "suspended": suspended,
        "on_failure": on_failure,
        "reason": reason,
    }
    return {name: value for name, value in said.items() if value is not None}


def _rows(page: "NodePage") -> list[dict[str, Any]]:
    nodes = [node.model_dump(mode="json") for node in page.items]
    silent = [
        {"id": "", "name": "", "status": "unreachable", **unreachable.model_dump(mode="json")}
        for unreachable in page.unreachable
    ]
    return [*nodes, *silent]
