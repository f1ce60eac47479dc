"""Reading and changing single things of Keystone, for the kinds that live there."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from pumphouse.domain.errors import CloudFaultError, ConflictError, NotFoundError
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.transport import Transport

Row = dict[str, Any]


def by_id(http: Transport, path: str, one: str, ids: Sequence[str]) -> list[Row]:
    """The rows of these ids, without those that do not exist. Keystone has no list by ids: one request each, as many at once as the transport allows."""

    def read(id: str) -> Row | None:
        try:
            found: Row = http.get("identity", f"{path}/{quote(id, safe='')}")[one]
        except NotFoundError:
            return None
        return found

    calls: list[Callable[[], Row | None]] = [partial(read, each) for each in dict.fromkeys(ids) if each]
    return [row for row in http.gather(calls) if row is not None]


def make(http: Transport, path: str, one: str, body: Mapping[str, Any]) -> Row:
    """POST; a name that is taken is a conflict.

    Raises:
        ConflictError: Keystone has one of that name.
    """
    try:
        made: Row = http.write("identity", "POST", path, json={one: body})[one]
    except BusyError as error:
        raise ConflictError(
            f"{one} {body.get('name')} cannot be made: {error.message}",
            hint="look at the one that is there: rename it, or map ours to it",
        ) from None
    return made


def change(http: Transport, path: str, one: str, body: Mapping[str, Any]) -> None:
    """PATCH these fields; nothing for none. After a lost answer it is sent once more: the same values again harm nobody."""
    if not body:
        return
    try:
        http.write("identity", "PATCH", path, json={one: dict(body)})
    except BusyError as error:
        raise ConflictError(error.message, hint="another thing has that name") from None
    except CloudFaultError:
        http.write("identity", "PATCH", path, json={one: dict(body)})


def removed(http: Transport, path: str) -> None:
    """DELETE and see that it is gone; an unknown one is no error.

    Raises:
        ConflictError: something still uses it.
    """
    try:
        http.delete("identity", path)
    except BusyError as error:
        raise ConflictError(error.message, hint="remove first what uses it") from None


OF_SQL: Final = 32
"""Length of the ids that Keystone gives itself (uuid4 in hex); ids of directories are 64 long (keystone/identity/id_generators/sha256.py)."""
