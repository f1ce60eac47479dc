"""Keypairs of the tenant's users: they belong to a user, not to a project, and have no id: ours is USER_ID/NAME.

Fields:
* `user`: reference to the user
* `type`: `ssh` or `x509`
* `public_key`: the text as Nova keeps it

The private key is known to the user alone. An administrator makes and lists keypairs of other users from 2.10 on (`user_id`; policy os_compute_api:os-keypairs:create is
"admin or that user"); from 2.92 on names may hold `@` and `.`, and the key must be given (nova/api/openstack/compute/schemas/keypairs.py).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.members import holders_on, members_by
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.transport import Params, Rows
from pumphouse.ports.resources import HeldBy

_VERSION: Final = "2.92"
_PAGE: Final = 1000


class Keypairs(HeldBy):
    """Keypairs of one Nova."""

    kind = ResourceKind.KEYPAIR

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        """Nova lists the keypairs of one user at a time; as many users at once as the transport allows."""
        return self.held_by(tenant_id, holders_on(self._http, tenant_id))

    @override
    def held_by(self, tenant_id: str, holders: Sequence[str]) -> Sequence[Resource]:
        return self._of_users(sorted(members_by(self._http, holders).users))

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = set(ids)
        found = self._of_users(sorted({each.partition("/")[0] for each in wanted}))
        return [each for each in found if each.id in wanted]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        """Of those users whom they are wanted for: a user's role in the tenant may be the last thing that he gets."""
        return self._of_users(sorted({str(plain(each.fields)["user"]) for each in wanted}))

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        row = {
            "name": name,
            "type": given["type"],
            "public_key": given["public_key"],
            "user_id": given["user"],
        }
        try:
            self._http.write("compute", "POST", "/os-keypairs", json={"keypair": row}, microversion=_VERSION)
        except BusyError as error:
            raise ConflictError(
                f"keypair {name} of user {given['user']} cannot be made: {error.message}",
                hint="he has one of that name with another key",
            ) from None
        return f"{given['user']}/{name}"

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Nova changes no keypair.

        Raises:
            ConflictError: always.
        """
        raise ConflictError(f"keypair {id} cannot be changed", hint="its owner removes or renames it")

    @override
    def delete(self, id: str) -> None:
        user_id, _, name = id.partition("/")
        # transport.delete has no parameters; Nova reads them from the path's own query
        path = f"/os-keypairs/{quote(name, safe='')}?user_id={quote(user_id, safe='')}"
        self._http.delete("compute", path, microversion=_VERSION)

    def _of_users(self, user_ids: Sequence[str]) -> list[Resource]:
        found = self._http.gather([partial(self._of_user, each) for each in user_ids])
        return [
            _resource(user_id, row) for user_id, rows in zip(user_ids, found, strict=True) for row in rows
        ]

    def _of_user(self, user_id: str) -> Rows:
        """The marker of the next page is a name, not an id (nova/api/openstack/compute/keypairs.py)."""
        found: Rows = []
        marker: dict[str, str] = {}
        while True:
            params: Params = {"user_id": user_id, "limit": _PAGE, **marker}
            try:
                body = self._http.get("compute", "/os-keypairs", params=params, microversion=_VERSION)
            except NotFoundError:  # deleted meanwhile
                return found
            rows = [row["keypair"] for row in body["keypairs"]]
            found += rows
            if not rows or not body.get("keypairs_links"):
                return found
            marker = {"marker": str(rows[-1]["name"])}


def _resource(user_id: str, row: Mapping[str, Any]) -> Resource:
    fields = {
        "user": ref(ResourceKind.USER, user_id),
        "type": str(row.get("type") or "ssh"),
        "public_key": str(row["public_key"]),
    }
    name = str(row["name"])
    notes = {"fingerprint": str(row.get("fingerprint") or "")}
    return Resource(ResourceKind.KEYPAIR, f"{user_id}/{name}", name, fields, notes, digest(fields))
