"""Application credentials and trusts in the tenant, and the EC2 credentials that belong to them: only listed, with what their owners have to do.

Nobody else can make them in a user's name: Keystone lets only the owner make an application credential and only the trustor a trust
(keystone/common/policies/{application_credential,trust}.py). Other EC2 credentials are moved: ec2_key.py.

Fields: none. Notes: `type` (`application_credential`, `trust`, `ec2`, `unseen`), `users` (ids of whom it belongs to), `roles` (names), `expires_at`, and what to do as `todo` and `remarks`.
Ids: TYPE/ID; `ec2/USER_ID` counts a user's; `unseen/NUMBER` stands for what the cloud did not show.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.domain.tenant import ApplicationCredential, Trust
from pumphouse.drivers.openstack.resources.members import holders_on, members_by
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_credentials import Credentials as Listing
from pumphouse.ports.resources import HeldBy

_WHERE = "in the destination"


class Credentials(HeldBy):
    """Credentials of one Keystone."""

    kind = ResourceKind.CREDENTIAL

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._listing = Listing(reach.http)

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        """One list of trusts and of EC2 credentials; application credentials can be listed per user only, as many at once as the transport allows."""
        return self.held_by(tenant_id, holders_on(self._http, tenant_id))

    @override
    def held_by(self, tenant_id: str, holders: Sequence[str]) -> Sequence[Resource]:
        users = members_by(self._http, holders).users
        names = {user_id: str(row["name"]) for user_id, row in users.items()}
        gaps: list[str] = []
        applications = self._listing.application_credentials(sorted(names), tenant_id, gaps)
        trusts = self._listing.trusts(tenant_id, gaps)
        bound = [key.user_id for key in self._listing.ec2_keys(sorted(names), tenant_id, gaps) if key.bound]
        return [
            *(_application(each, names, tenant_id) for each in applications),
            *(_trust(each, names, tenant_id) for each in trusts),
            *(_ec2(user_id, count, names, tenant_id) for user_id, count in sorted(Counter(bound).items())),
            *(_unseen(number, words, tenant_id) for number, words in enumerate(gaps)),
        ]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """Nothing refers to a credential."""
        return []

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        raise ConflictError(f"{name} cannot be made by anybody but its owner", hint="ask him to make it anew")

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        raise ConflictError(f"credential {id} belongs to its owner", hint="ask him to change it")

    @override
    def delete(self, id: str) -> None:
        """Credentials at the source go with the user or the project; we delete none by itself."""


def _application(each: ApplicationCredential, names: Mapping[str, str], tenant_id: str) -> Resource:
    owner = names.get(each.user_id, each.user_id)
    until = f", valid until {each.expires_at.isoformat()}" if each.expires_at else ""
    loose = ", unrestricted" if each.unrestricted else ""
    words = (
        f"user {owner} makes application credential {each.name!r} ({', '.join(each.roles)}{until}{loose}) anew {_WHERE}, "
        "and gives its new id and secret to the programs that use it"
    )
    notes = {"users": [each.user_id], "roles": list(each.roles), "expires_at": _iso(each.expires_at)}
    return _resource("application_credential", each.id, each.name, words, notes, tenant_id)


def _trust(each: Trust, names: Mapping[str, str], tenant_id: str) -> Resource:
    trustor, trustee = (names.get(one, one) for one in (each.trustor_id, each.trustee_id))
    words = f"user {trustor} trusts user {trustee} with {', '.join(each.roles) or 'roles'} here: he makes the trust anew {_WHERE}"
    notes = {
        "users": [each.trustor_id, each.trustee_id],
        "roles": list(each.roles),
        "expires_at": _iso(each.expires_at),
    }
    return _resource("trust", each.id, f"{trustor} to {trustee}", words, notes, tenant_id)


def _ec2(user_id: str, count: int, names: Mapping[str, str], tenant_id: str) -> Resource:
    owner = names.get(user_id, user_id)
    many = "s" if count > 1 else ""
    words = f"user {owner} makes {count} EC2 credential{many} of a trust or application credential anew {_WHERE}: access keys and secrets will be others"
    return _resource("ec2", user_id, owner, words, {"users": [user_id], "count": count}, tenant_id)


def _unseen(number: int, words: str, tenant_id: str) -> Resource:
    return _resource("unseen", str(number), words, f"{words}: ask their owners", {"users": []}, tenant_id)


def _resource(type: str, id: str, name: str, words: str, notes: Mapping[str, Any], owner: str) -> Resource:
    told = {"type": type, "roles": [], "expires_at": None, **notes, "todo": words, "remarks": [words]}
    return Resource(ResourceKind.CREDENTIAL, f"{type}/{id}", name, {}, told, digest(told), owner=owner)


def _iso(when: Any) -> str | None:
    return when.isoformat() if when else None
