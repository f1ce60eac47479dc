"""Finds what was made before a crash whose id was not written down any more; copying.py and removing.py call it. Decision 0003 says why this is enough."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pumphouse.domain.resource import Move, Resource
from pumphouse.workflows.migrate_tenant.book import CALLED, WANTED, Book
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

SKEW: Final = timedelta(minutes=10)
"""How much the clouds' clocks may differ from ours."""


def made_before(book: Book, kind: Kind, move: Move) -> Resource | None:
    """What an intended move has made, claimed for it; None when its request never arrived.

    Of two that are alike in everything either will do. One that lacks only what `update` can bring is a creation that was cut off.
    """
    wanted: Mapping[str, Any] = move.details.get(WANTED, {})
    key = f"{move.kind}/{move.source_id}"
    found = sorted(
        _seen(book, kind, move, wanted), key=lambda each: len(kind.differences(wanted, each.fields))
    )
    for each in found:
        if (
            _is_named(kind, move, wanted, each)
            and _is_alike(kind, wanted, each)
            and _since(each, move)
            and book.claim(kind.kind, each.id, key)
        ):
            return each
    return None


def _seen(book: Book, kind: Kind, move: Move, wanted: Mapping[str, Any]) -> Iterable[Resource]:
    driver = book.destination.kind(kind.kind)
    tenant = book.ids().get(f"project/{book.tenant_id}", "")
    found = {each.id: each for each in (driver.of_tenant(tenant) if tenant else ())}
    if kind.identity is Identity.NAMED:
        # as it was asked for, with the destination's references: a user's keypairs are listed by him, who need have no role in the tenant yet
        asked = Resource(move.kind, move.source_id, str(move.details.get(CALLED, move.name)), wanted)
        found.update((each.id, each) for each in driver.candidates(tenant, [asked]))
    return found.values()


def _is_named(kind: Kind, move: Move, wanted: Mapping[str, Any], found: Resource) -> bool:
    if kind.named_after and wanted.get(kind.named_after) is None:
        return True
    return bool(found.name == move.details.get(CALLED, move.name))


def _is_alike(kind: Kind, wanted: Mapping[str, Any], found: Resource) -> bool:
    """Whether only that differs which comes later, which `update` can bring, or which was left to the cloud (a port's new addresses)."""
    open_ones = {name for name in kind.on_purpose if _fits(wanted.get(name), found.fields.get(name))}
    differing = set(kind.differences(wanted, found.fields)) - open_ones
    return differing <= kind.adoptable | kind.completed | kind.later


def _fits(wanted: Any, found: Any) -> bool:
    """Whether what was found is what was wanted, where None and what is not said leave it to the cloud."""
    if wanted is None:
        return True
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(_fits(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return all(any(_fits(each, other) for other in found) for each in wanted)
    return bool(wanted == found)


def _since(found: Resource, move: Move) -> bool:
    """Whether it was made since the intent, as far as its cloud tells when it was made."""
    said = found.notes.get("created_at")
    if not said or move.at is None:
        return True
    try:
        made = datetime.fromisoformat(str(said))
    except ValueError:
        return True
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) >= move.at - SKEW
