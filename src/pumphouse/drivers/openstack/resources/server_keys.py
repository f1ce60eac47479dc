"""Lends our own user the keypair of another, for the moment in which a server is made with it; server.py calls it.

Nova looks a `key_name` up among the keypairs of who asks (nova/compute/api.py, `KeyPair.get_by_name(context, context.user_id, key_name)`, in 2023.1 as in 2026.2),
and copies the key to the server before it answers. docs/decisions/0004-keys-and-owners.md says what else was considered.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.drivers.openstack.transport import Transport

_VERSION: Final = "2.10"
"""From here on an administrator names the user of a keypair; from 2.92 on names are restricted, and the old ones must still be lent."""


class LentKeys:
    """Keypairs of one cloud. Safe for use by many threads: two servers with keys of one name are made one after the other."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport
        self._lock = threading.Lock()
        self._names: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def has(self, keypair_id: str) -> bool:
        """Whether our own user has one of that name."""
        return self._row(_name(keypair_id)) is not None

    @contextmanager
    def lent(self, keypair_id: str) -> Iterator[str]:
        """The name under which our own user has the key, inside of the block.

        Raises:
            NotFoundError: the owner has no such keypair.
            ConflictError: our own user has another key under that name.
        """
        user, _, name = keypair_id.partition("/")
        with self._door(name):
            wanted = self._row(name, user)
            if wanted is None:
                raise NotFoundError("keypair", keypair_id)
            own = self._row(name)
            if own is not None and _key(own) != _key(wanted):
                raise ConflictError(
                    f"{self._http.environment}: our own user has another keypair {name}, so that no server can be made with the tenant's",
                    hint=f"rename ours (`openstack keypair`), or leave it to another user, then retry: keypair {name}",
                )
            if own is None:
                body = {"name": name, "public_key": wanted["public_key"], "type": wanted.get("type") or "ssh"}
                self._http.write(
                    "compute", "POST", "/os-keypairs", json={"keypair": body}, microversion=_VERSION
                )
            try:
                yield name
            finally:
                if own is None:
                    self._drop(name)

    def take_back(self, keypair_id: str) -> None:
        """Remove what a cut-off `lent` has left: a key of ours that is equal to the owner's."""
        user, _, name = keypair_id.partition("/")
        with self._door(name):
            own, theirs = self._row(name), self._row(name, user)
            # the owner himself may be who we are
            if (
                own is not None
                and theirs is not None
                and _key(own) == _key(theirs)
                and user != self._http.user()[0]
            ):
                self._drop(name)

    def _door(self, name: str) -> threading.Lock:
        with self._lock:
            return self._names[name]

    def _row(self, name: str, user: str = "") -> dict[str, Any] | None:
        params = {"user_id": user} if user else {}
        path = f"/os-keypairs/{quote(name, safe='')}"
        try:
            found: dict[str, Any] = self._http.get("compute", path, params=params, microversion=_VERSION)[
                "keypair"
            ]
        except NotFoundError:
            return None
        return found

    def _drop(self, name: str) -> None:
        self._http.delete("compute", f"/os-keypairs/{quote(name, safe='')}", microversion=_VERSION)


def _name(keypair_id: str) -> str:
    return keypair_id.partition("/")[2]


def _key(row: dict[str, Any]) -> str:
    return str(row.get("public_key") or "").strip()
