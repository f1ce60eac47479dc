"""Reads a counterpart back and compares it with what was wanted; what can still be brought over is brought over once. Called by copying.py and data.py."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource
from pumphouse.workflows.migrate_tenant.book import WRONG, Book
from pumphouse.workflows.migrate_tenant.comparing import told, wrong_fields
from pumphouse.workflows.migrate_tenant.kind import Kind


def settle(
    book: Book, kind: Kind, source: Resource, target: str, wanted: Mapping[str, Any], *, ours: bool = True
) -> None:
    """The counterpart is as it should be when this returns; `ours` says that we have made it.

    Raises:
        ConflictError: it is not, in these fields; nothing is built upon it then.
    """
    wrong = _wrong(book, kind, source, target, wanted, ours=ours)
    if wrong and set(wrong) <= kind.adoptable | kind.completed:
        # some services take a thing in several requests, of which a crash may have cut off the last
        book.destination.kind(kind.kind).update(target, {name: wanted[name] for name in sorted(wrong)})
        wrong = _wrong(book, kind, source, target, wanted, ours=ours)
    if wrong:
        raise ConflictError(
            f"it is not as it should be in the destination: {told(wrong)}",
            hint="retry; or undo, and leave it out",
        )


def _wrong(
    book: Book, kind: Kind, source: Resource, target: str, wanted: Mapping[str, Any], *, ours: bool
) -> dict[str, tuple[Any, Any]]:
    there = book.destination.read(kind.kind, target)
    if there is None:
        raise ConflictError(
            f"{kind.kind} {source.name} was made in the destination and has gone", hint="retry"
        )
    found = wrong_fields(kind, source, book.choices, wanted, there.fields, ours=ours)
    wrong = {name: pair for name, pair in found.items() if name not in kind.later}
    if wrong:
        # before anything is done about it, which may fail
        book.note(source.key, **{WRONG: sorted(wrong)})
    return wrong
