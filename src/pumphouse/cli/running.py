"""How a command carries out an operation: plan, question, start, watch, result, exit code. Used by every command that changes a cloud."""

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from pumphouse.cli import tables
from pumphouse.cli.failures import Exit
from pumphouse.cli.output import Format, console, show
from pumphouse.cli.session import Session
from pumphouse.cli.watching import interrupts_held, watch
from pumphouse.domain.operation import OperationStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumphouse.wire.finding import PlanView
    from pumphouse.wire.operation import ItemView, OperationView

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
SHOWN_ITEMS = 20


def carry_out(
    session: Session,
    *,
    plan: "Callable[[], PlanView]",
    start: "Callable[[str], OperationView]",
    output: Format,
    yes: bool,
    dry_run: bool,
    result: "Callable[[OperationView], None] | None" = None,
) -> None:
    """The whole way of an operation. `start` is given an idempotency key; `result` prints what came out, if not the operation itself."""
    if dry_run:
        show_plan(plan(), output)
        return
    if not yes:
        confirm_plan(session, plan())
    with interrupts_held() as held:
        operation = start(str(uuid.uuid4()))
    ended = watch(session, operation.id, ours=True, interrupted=held.seen)
    finish(session, ended, output, result=result)


def show_plan(plan: "PlanView", output: Format) -> None:
    """Print a plan as the result of a dry run; a blocked one ends with exit code 3."""
    show(output, plan, lambda: tables.plan(plan))
    if plan.blocked:
        raise typer.Exit(Exit.BLOCKED)


def confirm_plan(session: Session, plan: "PlanView") -> None:
    """Show a plan and ask whether to carry it out."""
    stderr = console(err=True)
    if plan.blocked:
        stderr.print(tables.plan(plan), soft_wrap=True)
        typer.secho(
            "Error [blocked-by-findings]: critical findings forbid this; nothing was changed",
            err=True,
            fg="red",
        )
        raise typer.Exit(Exit.BLOCKED)
    need_somebody(session)
    stderr.print(tables.plan(plan))
    if any(step.irreversible for step in plan.steps):
        stderr.print("Behind the point of no return it cannot be undone.", style="yellow")
    ask("Carry it out?")


def need_somebody(session: Session, *, look: str = "look at it with --dry-run") -> None:
    """End with exit code 2 when a question could not be answered; `look` says how to see what it would have been about."""
    if not session.interactive:
        typer.secho(
            "Error [confirmation-needed]: this is no terminal, so nobody can be asked", err=True, fg="red"
        )
        typer.echo(f"Hint: {look}, then give --yes", err=True)
        raise typer.Exit(Exit.USAGE)


def ask(question: str) -> None:
    """Ask; "no" ends with exit code 1."""
    if not typer.confirm(question, err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(Exit.FAILED)


def finish(
    session: Session,
    operation: "OperationView",
    output: Format,
    *,
    wanted: OperationStatus = OperationStatus.DONE,
    result: "Callable[[OperationView], None] | None" = None,
) -> None:
    """Print how an operation has ended, and end with its exit code; `wanted` is the end that the operator asked for."""
    failed = _failed_items(session, operation) if output is Format.TABLE else []
    if result is not None:
        result(operation)
    else:
        show(output, operation, lambda: tables.operation(operation, failed))
    code = exit_code(operation, wanted)
    if code:
        raise typer.Exit(code)


def exit_code(operation: "OperationView", wanted: OperationStatus = OperationStatus.DONE) -> Exit:
    """The exit code of an operation's status."""
    if operation.status in {wanted, OperationStatus.DONE}:
        return Exit.DONE
    return Exit.WITH_ERRORS if operation.status is OperationStatus.DONE_WITH_ERRORS else Exit.FAILED


def _failed_items(session: Session, operation: "OperationView") -> list["ItemView"]:
    if operation.status is OperationStatus.DONE or not operation.progress.failed:
        return []
    found = []
    for item in session.client.items(operation.id, status="failed"):
        found.append(item)
        if len(found) == SHOWN_ITEMS:
            break
    return found
