"""`pumphouse notification`: what an operator wants to be told of."""

from typing import Annotated

import typer

from pumphouse.cli import tables
from pumphouse.cli.output import Format, Output, show
from pumphouse.cli.session import session_of

app = typer.Typer(no_args_is_help=True, help="Notifications: what an operator wants to be told of.")


@app.callback()
def group() -> None:
    """Notifications: what an operator wants to be told of."""


@app.command("list")
def list_all(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """List notifications, newest first."""
    found = session_of(context).client.notifications(limit=limit)
    show(output, found, lambda: tables.notifications(found))
