"""Printing of results: JSON or YAML alone on stdout for programs, tables for people. Used by every command."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType

if TYPE_CHECKING:
    from pydantic import BaseModel

WIDE = 200
"""Columns when stdout is no terminal and COLUMNS does not say: nothing is cut off for a program that reads a table."""


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("-o", "--output", help="How to print the result.")]


def show(
    format: Format, found: "BaseModel | Sequence[BaseModel]", table: Callable[[], RenderableType]
) -> None:
    """Print a thing or a list of things; `table` is only made when it is wanted."""
    if format is Format.TABLE:
        console().print(table())
        return
    plain = [_plain(one) for one in found] if isinstance(found, Sequence) else _plain(found)
    show_plain(format, plain)


def show_plain(format: Format, plain: Any) -> None:
    """Print JSON-safe data as JSON or YAML."""
    if format is Format.YAML:
        import yaml

        typer.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), nl=False)
    else:
        typer.echo(json.dumps(plain, indent=2))


def console(*, err: bool = False) -> Console:
    """A console on stdout, or on stderr for progress and questions."""
    stream = sys.stderr if err else sys.stdout
    import os

    wide = None if stream.isatty() or os.environ.get("COLUMNS") else WIDE
    return Console(file=stream, width=wide, highlight=False)


def _plain(model: "BaseModel") -> Mapping[str, Any]:
    return model.model_dump(mode="json")
