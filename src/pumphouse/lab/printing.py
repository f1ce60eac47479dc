"""How the lab's commands print: results as table, JSON or YAML, errors as docs/command-line.md says. The lab may not import `cli`, which
does the same for all other commands. Used by `commands` and `populate.command`.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console

from pumphouse.domain.errors import InvalidInputError, PumphouseError
from pumphouse.lab.errors import LabConfigurationError, LabError, PreflightError
from pumphouse.lab.lab import Lab

FAILED, USAGE = 1, 2


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


on_up: list[Callable[[Lab], None]] = []
"""Called with the lab after each `up`, `reset` and `env-create`; main registers the clouds with Pumphouse here."""

out = Console()
err = Console(stderr=True)

StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", envvar="PUMPHOUSE_LAB_DIR", help="Where the lab keeps its files."),
]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to print it.")]


def show_plain(output: Format, plain: object) -> None:
    """Print JSON-safe data alone to stdout."""
    if output is Format.YAML:
        # through JSON, so that YAML need not know enumerations
        typer.echo(
            yaml.safe_dump(json.loads(json.dumps(plain)), sort_keys=False, allow_unicode=True), nl=False
        )
    else:
        typer.echo(json.dumps(plain, indent=2))


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn errors into a line with the code, a line with the remedy, and an exit code."""
    try:
        yield
    except PreflightError as error:
        for problem in error.problems:
            _tell(problem)
        raise typer.Exit(FAILED) from error
    except PumphouseError as error:
        _tell(error)
        wrong_usage = isinstance(error, LabConfigurationError | InvalidInputError)
        raise typer.Exit(USAGE if wrong_usage else FAILED) from error


def _tell(error: PumphouseError) -> None:
    typer.secho(f"Error [{error.code}]: {error.message}", err=True, fg="red")
    if error.hint:
        typer.echo(f"Hint: {error.hint}", err=True)


def existing(state_dir: Path | None) -> Lab:
    """The lab of that directory.

    Raises:
        LabError: there is none.
    """
    lab = Lab(state_dir)
    if not lab.exists:
        raise LabError(f"there is no lab in {lab.state_dir}", hint="Make one with `pumphouse lab up`.")
    return lab
