"""EC2 credentials in the tenant: an administrator may read and make them for any user (GET and POST /v3/credentials), so programs go on with the keys that they have.

Their secrets go from one Keystone to the other through this process's memory alone: they are in no field, record, event or error.

Fields:
* `user`: reference to the user
* `secret_digest`: scrypt of the secret with the access key as its salt: it tells whether two are equal, and costs whoever guesses one

The name is the access key. The id is Keystone's, the SHA-256 of the access key, so it is the same in every cloud. What belongs to a trust or an application credential
is not read here: those are made anew by their owners, and these with them (credential.py).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.keystone import by_id, removed
from pumphouse.drivers.openstack.resources.members import holders_on, members_by
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_credentials import Credentials, Ec2Key, ec2_key
from pumphouse.ports.resources import HasSecret, HeldBy, Secret


class Ec2Keys(HeldBy, HasSecret):
    """EC2 credentials of one Keystone."""

    kind = ResourceKind.EC2_KEY

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._listing = Credentials(reach.http)

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return self.held_by(tenant_id, holders_on(self._http, tenant_id))

    @override
    def held_by(self, tenant_id: str, holders: Sequence[str]) -> Sequence[Resource]:
        users = members_by(self._http, holders).users
        # what cannot be listed is told by credential.py
        keys = self._listing.ec2_keys(sorted(users), tenant_id, [])
        return [_resource(key, tenant_id) for key in keys if not key.bound and key.user_id in users]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        rows = by_id(self._http, "/credentials", "credential", ids)
        return [_resource(key, str(row["project_id"])) for row in rows if not (key := ec2_key(row)).bound]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return [each for each in self.named([one.id for one in wanted]) if each.owner == tenant_id]

    @override
    def secret(self, id: str) -> Secret:
        for row in by_id(self._http, "/credentials", "credential", [id]):
            return Secret(ec2_key(row).secret)
        raise NotFoundError(str(self.kind), id)

    @override
    def create_with(self, tenant_id: str, name: str, fields: Mapping[str, Any], secret: Secret) -> str:
        user_id = str(plain(fields)["user"])
        key = Ec2Key(user_id, name, secret.text, bound=False)
        body = {
            "type": "ec2", "user_id": user_id, "project_id": tenant_id,
            "blob": json.dumps({"access": key.access, "secret": key.secret}),
        }  # fmt: skip
        try:
            self._http.write("identity", "POST", "/credentials", json={"credential": body})
        except BusyError as error:
            if not self._is_there(key, tenant_id):
                raise ConflictError(
                    f"Keystone of {self._http.environment} has another credential with access key {name}",
                    hint="remove that one, or leave this one out",
                ) from error
        return key.id

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        raise ConflictError(f"access key {name} cannot be made without its secret")

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        raise ConflictError(f"EC2 credential {id} belongs to its owner", hint="ask him to change it")

    @override
    def delete(self, id: str) -> None:
        removed(self._http, f"/credentials/{quote(id, safe='')}")

    def _is_there(self, key: Ec2Key, tenant_id: str) -> bool:
        wanted = _resource(key, tenant_id)
        return any(each.fields == wanted.fields and each.owner == tenant_id for each in self.named([key.id]))


def _resource(key: Ec2Key, tenant_id: str) -> Resource:
    fields = {
        "user": ref(ResourceKind.USER, key.user_id),
        "secret_digest": _digest(key.access, key.secret),
    }
    return Resource(ResourceKind.EC2_KEY, key.id, key.access, fields, {}, digest(fields), owner=tenant_id)


@lru_cache(maxsize=1024)
def _digest(access: str, secret: str) -> str:
    """50 ms of a processor: a tenant is read several times in a migration."""
    return "scrypt:" + hashlib.scrypt(secret.encode(), salt=access.encode(), n=1 << 14, r=8, p=1).hex()
