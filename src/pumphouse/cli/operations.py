"""`pumphouse operation`: look at operations and steer them."""

from typing import TYPE_CHECKING, Annotated

import typer

from pumphouse.cli import tables
from pumphouse.cli.output import Format, Output, console, show, show_plain
from pumphouse.cli.running import Yes, ask, finish, need_somebody
from pumphouse.cli.session import Session, session_of
from pumphouse.cli.watching import interrupts_held, watch
from pumphouse.cli.way_back import way_back
from pumphouse.domain.operation import ItemStatus, OperationStatus

if TYPE_CHECKING:
    from pumphouse.wire.operation import OperationView

LOOK = "look at it with: pumphouse operation show {}"
UNTOUCHED = frozenset({ItemStatus.SKIPPED, ItemStatus.UNDONE})
app = typer.Typer(
    no_args_is_help=True, help="Operations: durable runs that can be watched, stopped, continued and undone."
)
Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="The operation's id, or a unique beginning of 8 or more characters."),
]
NothingAsked = Annotated[
    bool, typer.Option("--yes", "-y", help="Accepted as everywhere; this command asks nothing.")
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
    """Show an operation with its steps; with -o json the plan is part of it, and with --items there is a key `items`."""
    client = session_of(context).client
    found = client.operation(operation)
    rows = list(client.items(operation)) if items else []
    if items and output is not Format.TABLE:
        plain = [row.model_dump(mode="json") for row in rows]
        show_plain(output, {**found.model_dump(mode="json"), "items": plain})
        return
    show(output, found, lambda: tables.operation(found, rows))


@app.command("watch")
def watch_one(context: typer.Context, operation: Id, output: Output = Format.TABLE) -> None:
    """Watch an operation until it has stopped. Ctrl-C only ends the watching."""
    session = session_of(context)
    found = session.client.operation(operation, plan=False)
    finish(session, watch(session, found.id, ours=False), output)


@app.command("pause")
def pause(
    context: typer.Context, operation: Id, yes: NothingAsked = False, output: Output = Format.TABLE
) -> None:
    """Let what has begun finish, and begin nothing more."""
    del yes
    _act(session_of(context), operation, "pause", output, wanted=OperationStatus.PAUSED, ours=False)


@app.command("cancel")
def cancel(context: typer.Context, operation: Id, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Stop for good; resume, retry and undo stay possible."""
    session = session_of(context)
    _confirm(session, operation, "Cancel", yes=yes)
    _act(session, operation, "cancel", output, wanted=OperationStatus.CANCELLED, ours=False)


@app.command("resume")
def resume(
    context: typer.Context, operation: Id, yes: NothingAsked = False, output: Output = Format.TABLE
) -> None:
    """Go on with one that is paused, cancelled or was interrupted; one that failed wants retry, skip or undo."""
    del yes
    _act(session_of(context), operation, "resume", output)


@app.command("retry")
def retry(
    context: typer.Context, operation: Id, yes: NothingAsked = False, output: Output = Format.TABLE
) -> None:
    """Try the failed items again and go on."""
    del yes
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
    if not yes:
        _confirm_undo(session, operation)
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
    need_somebody(session, look=LOOK.format(operation))
    found = session.client.operation(operation, plan=False)
    ask(f"{verb} '{found.name}' ({found.status})?")


def _confirm_undo(session: Session, operation: str) -> None:
    """Show what would go back, and ask."""
    need_somebody(session, look=LOOK.format(operation))
    found = session.client.operation(operation)
    way = way_back(found.steps, {s.name for s in found.plan.steps if s.irreversible} if found.plan else ())
    console(err=True).print(tables.way_back(found, way, _moved_servers(session, found) if way.steps else 0))
    ask(f"Undo '{found.name}' ({found.status})?")


def _moved_servers(session: Session, operation: "OperationView") -> int:
    """How many servers the operation, or one that it has started, has acted on and not put back yet."""
    client = session.client
    family = [operation.id, *(child.id for child in client.operations(parent=operation.id, limit=100).items)]
    items = (item for one in family for item in client.items(one))
    return sum(1 for i in items if i.kind == "server" and i.attempts and i.status not in UNTOUCHED)
