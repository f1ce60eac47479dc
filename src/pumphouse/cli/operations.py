"""`pumphouse operation`: look at operations and steer them."""

from typing import Annotated

import typer

from pumphouse.cli import tables
from pumphouse.cli.output import Format, Output, show
from pumphouse.cli.running import Yes, ask, finish, need_somebody
from pumphouse.cli.session import Session, session_of
from pumphouse.cli.watching import interrupts_held, watch
from pumphouse.domain.operation import OperationStatus

app = typer.Typer(
    no_args_is_help=True, help="Operations: durable runs that can be watched, stopped, continued and undone."
)
Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="The operation's id, or a unique beginning of 8 or more characters."),
]


@app.command("list")
def list_all(
    context: typer.Context,
    env: Annotated[str | None, typer.Option(help="Only this environment's.")] = None,
    status: Annotated[OperationStatus | None, typer.Option(help="Only those with this status.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, for instance evacuate_node.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """List operations, newest first."""
    page = session_of(context).client.operations(environment=env, status=status, kind=kind, limit=limit)
    show(output, page.items, lambda: tables.operations(page.items))


@app.command("show")
def show_one(
    context: typer.Context,
    operation: Id,
    items: Annotated[bool, typer.Option("--items", help="Its items as well.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show an operation with its steps; with -o json the plan is part of it, with --items the items are the result."""
    client = session_of(context).client
    found = client.operation(operation)
    rows = list(client.items(operation)) if items else []
    if items and output is not Format.TABLE:
        show(output, rows, lambda: tables.item_rows(rows))
        return
    show(output, found, lambda: tables.operation(found, rows))


@app.command("watch")
def watch_one(context: typer.Context, operation: Id, output: Output = Format.TABLE) -> None:
    """Watch an operation until it has stopped. Ctrl-C only ends the watching."""
    session = session_of(context)
    found = session.client.operation(operation, plan=False)
    finish(session, watch(session, found.id, ours=False), output)


@app.command("pause")
def pause(context: typer.Context, operation: Id, output: Output = Format.TABLE) -> None:
    """Let what has begun finish, and begin nothing more."""
    _act(session_of(context), operation, "pause", output, wanted=OperationStatus.PAUSED, ours=False)


@app.command("cancel")
def cancel(context: typer.Context, operation: Id, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Stop for good; resume, retry and undo stay possible."""
    session = session_of(context)
    _confirm(session, operation, "Cancel", yes=yes)
    _act(session, operation, "cancel", output, wanted=OperationStatus.CANCELLED, ours=False)


@app.command("resume")
def resume(context: typer.Context, operation: Id, output: Output = Format.TABLE) -> None:
    """Go on with one that is paused, cancelled, failed or was interrupted."""
    _act(session_of(context), operation, "resume", output)


@app.command("retry")
def retry(context: typer.Context, operation: Id, output: Output = Format.TABLE) -> None:
    """Try the failed items again and go on."""
    _act(session_of(context), operation, "retry", output)


@app.command("skip")
def skip(context: typer.Context, operation: Id, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Leave the failed items behind and go on."""
    session = session_of(context)
    _confirm(session, operation, "Leave the failed items behind and go on with", yes=yes)
    _act(session, operation, "skip", output)


@app.command("undo")
def undo(context: typer.Context, operation: Id, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Put back what it has changed, as far as its point of no return."""
    session = session_of(context)
    _confirm(session, operation, "Undo", yes=yes)
    _act(session, operation, "undo", output, wanted=OperationStatus.UNDONE)


def _act(
    session: Session,
    operation: str,
    action: str,
    output: Format,
    *,
    wanted: OperationStatus = OperationStatus.DONE,
    ours: bool = True,
) -> None:
    begun = session.clock.now()
    with interrupts_held() as held:
        accepted = session.client.act(operation, action)
    if accepted.status is OperationStatus.UNDOING:
        wanted = OperationStatus.UNDONE  # a retry of a failed undo
    ended = watch(session, accepted.id, ours=ours, interrupted=held.seen, since=begun)
    finish(session, ended, output, wanted=wanted)


def _confirm(session: Session, operation: str, verb: str, *, yes: bool) -> None:
    if yes:
        return
    need_somebody(session)
    found = session.client.operation(operation, plan=False)
    ask(f"{verb} '{found.name}' ({found.status})?")
