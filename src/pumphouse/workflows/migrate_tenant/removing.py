"""Takes back what a migration has made in the destination, one record at a time: the undo of its steps and the workflow `rollback_tenant` call it."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.migration import Detail
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.finding_again import made_before
from pumphouse.workflows.migrate_tenant.kind import Kind


def remove_move(book: Book, kind: Kind, move: Move) -> None:
    """Delete what is ours, put back what was changed, forget the record; safe to repeat.

    Raises:
        ConflictError: something that we have not made uses it.
    """
    if kind.shared:
        left = book.release(f"{move.kind}/{move.source_id}")
        if left is None:
            return
        move = left
    was: Mapping[str, Any] = move.details.get(Detail.WAS, {})
    if kind.goes_along and _goes_along(book, kind, move):
        book.drop(f"{move.kind}/{move.source_id}")
        return
    if was and move.destination_id and not move.ours:
        _put_back(book, kind, move.destination_id, was)
    elif not kind.late:
        _delete(book, kind, move)
    book.drop(f"{move.kind}/{move.source_id}")


def _goes_along(book: Book, kind: Kind, move: Move) -> bool:
    """Whether what it is part of is ours, and so will be deleted after it: a thousand rules need not be taken out of their group one by one before."""
    whole = book.move(f"{kind.part_of}/{move.source_id}")
    return whole is not None and whole.ours


def _delete(book: Book, kind: Kind, move: Move) -> None:
    target = move.destination_id if move.ours else ""
    if not move.destination_id and move.state is MoveState.INTENDED:
        found = made_before(book, kind, move)
        target = found.id if found is not None else ""
    if target and kind.kind is ResourceKind.PROJECT:
        _empty(book, target)
    if target:
        book.destination.kind(kind.kind).delete(target)


def _empty(book: Book, tenant: str) -> None:
    """Neutron makes a group `default` in every project, and does not notice when Keystone forgets the project."""
    try:
        groups = book.destination.kind(ResourceKind.SECURITY_GROUP)
    except NotFoundError:
        return
    for each in groups.of_tenant(tenant):
        if each.name == "default":
            groups.delete(each.id)


def _put_back(book: Book, kind: Kind, target: str, was: Mapping[str, Any]) -> None:
    """Nothing to do where it has gone with what it was part of."""
    if book.destination.read(kind.kind, target) is not None:
        try:
            book.destination.kind(kind.kind).update(target, was)
        except NotFoundError:
            return
