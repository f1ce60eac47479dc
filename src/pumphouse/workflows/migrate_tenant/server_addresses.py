"""The floating IPs of a server: released in the source first, so that no address answers twice, then given to the server in the destination. servers.py calls it."""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.finding import Severity
from pumphouse.domain.resource import Resource, ResourceKind, translated
from pumphouse.engine.step import StepContext
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds.floating_ip import KIND as FLOATING_IP

POINTING: Final = ("port", "fixed_ip_address", "port_forwardings")
"""The fields of a floating IP that say where it leads."""
RELEASED: Final[Mapping[str, Any]] = {"port": None, "fixed_ip_address": None, "port_forwardings": []}


def of_server(server: Resource, floating_ips: list[Resource], choices: Choices) -> dict[str, dict[str, Any]]:
    """Id of each floating IP of a port of the server -> where it leads (`was`) and shall lead (`wanted`), both in the source's references. One that only forwards
    some ports is no server's: finishing.py moves it after the last server.
    """
    return {
        each.id: {
            "was": {name: each.fields[name] for name in POINTING},
            "wanted": {name: FLOATING_IP.adjust(each.fields, choices)[name] for name in POINTING},
        }
        for each in floating_ips
        if each.fields["port"] in server.fields["ports"]
    }


def move_over(ctx: StepContext, book: Book, pointing: Mapping[str, Mapping[str, Any]]) -> None:
    """Safe to repeat.

    Raises:
        ConflictError: one does not lead where it should afterwards.
    """
    for own, leads in pointing.items():
        target = book.ids().get(f"{ResourceKind.FLOATING_IP}/{own}")
        if target is None:
            ctx.emit(
                "migration.address_left",
                f"floating IP {own} has no counterpart in the destination: it stays with the stopped server",
                severity=Severity.WARNING,
            )
            continue
        wanted = translated(leads["wanted"], book.ids())
        book.source.kind(ResourceKind.FLOATING_IP).update(own, RELEASED)
        book.destination.kind(ResourceKind.FLOATING_IP).update(target, wanted)
        found = book.destination.read(ResourceKind.FLOATING_IP, target)
        if found is None or not leads_there(found.fields, wanted):
            raise ConflictError(
                f"floating IP {found.name if found else target} does not lead to the server in the destination",
                hint="see its state there, then retry",
            )


def names_of(book: Book, pointing: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The addresses in the destination of these floating IPs of the source."""
    targets = [book.ids().get(f"{ResourceKind.FLOATING_IP}/{own}") for own in pointing]
    known = [each for each in targets if each is not None]
    return sorted(each.name for each in book.destination.kind(ResourceKind.FLOATING_IP).named(known))


def leads_there(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the fields of a floating IP say that it leads where these, of the same cloud, say."""
    fixed = wanted["fixed_ip_address"]
    same = found["port"] == wanted["port"] and fixed in (None, found["fixed_ip_address"])
    return same and len(found["port_forwardings"]) == len(wanted["port_forwardings"])


def release(book: Book, pointing: Mapping[str, Mapping[str, Any]]) -> None:
    """They lead nowhere in the destination."""
    for own in pointing:
        target = book.ids().get(f"{ResourceKind.FLOATING_IP}/{own}")
        if target is not None:
            _update(book, target, there=True, fields=RELEASED)


def give_back(book: Book, pointing: Mapping[str, Mapping[str, Any]]) -> None:
    """They lead where they led in the source."""
    for own, leads in pointing.items():
        _update(book, own, there=False, fields=leads["was"])


def _update(book: Book, id: str, *, there: bool, fields: Mapping[str, Any]) -> None:
    driver = (book.destination if there else book.source).kind(ResourceKind.FLOATING_IP)
    try:
        driver.update(id, fields)
    except NotFoundError:  # deleted meanwhile: nothing to lead
        return
