"""How errors end a command: one line with the problem and its code, one with the remedy, and an exit code. Used by app.py."""

import traceback
from enum import IntEnum

import typer

from pumphouse.domain.errors import PumphouseError


class Exit(IntEnum):
    """The exit codes of docs/command-line.md."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BLOCKED = 3
    WITH_ERRORS = 4
    INTERRUPTED = 130


WRONG_USAGE = frozenset({"invalid-input", "not-found", "ambiguous"})


def tell(error: BaseException, *, debug: bool) -> Exit:
    """Print an error to stderr; answers the exit code."""
    if debug:
        traceback.print_exception(error)
    if not isinstance(error, PumphouseError):
        _line(
            f"Error [internal]: {type(error).__name__}: {error}"
            if debug
            else f"Error [internal]: {type(error).__name__}",
            "red",
        )
        _line("Hint: this is a defect of Pumphouse; run it again with --debug to see where", None)
        return Exit.FAILED
    code = code_of(error)
    _line(f"Error [{code}]: {error.message}", "red")
    for finding in getattr(error, "findings", ()):
        _line(f"  {finding.severity}: {finding.subject}: {finding.message} [{finding.code}]", None)
        if finding.suggestion:
            _line(f"      {finding.suggestion}", None)
    if error.hint:
        _line(f"Hint: {error.hint}", None)
    if code in WRONG_USAGE:
        return Exit.USAGE
    return Exit.BLOCKED if code == "blocked-by-findings" else Exit.FAILED


def code_of(error: PumphouseError) -> str:
    """The stable code: the application's own when it was the application's error."""
    problem = getattr(error, "problem", None)
    return str(problem.code) if problem is not None else error.code


def _line(text: str, colour: str | None) -> None:
    typer.secho(text, err=True, fg=colour)
