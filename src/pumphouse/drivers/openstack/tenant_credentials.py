"""Application credentials, trusts and EC2 credentials in a tenant; tenant_people.py and tenants.py call it. Their secrets are dropped unread.

What a cloud refuses to show is told in `gaps` in words rather than by failing: who may do what is worth knowing without it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError, NotFoundError
from pumphouse.domain.tenant import ApplicationCredential, Trust
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Rows, Transport


class Credentials:
    """What lets programs act in a tenant in the name of its users."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def application_credentials(
        self, user_ids: Sequence[str], tenant_id: str, gaps: list[str]
    ) -> list[ApplicationCredential]:
        """Those of these users; Keystone lists them per user only. One request each, in the transport's pool."""

        def of(user_id: str) -> Rows | None:
            path = f"/users/{quote(user_id, safe='')}/application_credentials"
            try:
                return keystone_rows(self._http, path, "application_credentials")
            except NotFoundError:  # deleted meanwhile
                return []
            except CredentialsError:
                return None

        answers = self._http.gather([partial(of, user_id) for user_id in user_ids])
        refused = sum(1 for rows in answers if rows is None)
        if refused:
            gaps.append(f"application credentials of {refused} users: Keystone refuses to list them")
        found = [_application_credential(row) for rows in answers for row in rows or ()]
        return [credential for credential in found if credential.project_id == tenant_id]

    def trusts(self, tenant_id: str, gaps: list[str]) -> list[Trust]:
        """Those that hand out roles in it. The list leaves their roles out, so each is read once more."""
        try:
            rows = keystone_rows(self._http, "/OS-TRUST/trusts", "trusts")
        except NotFoundError:
            return []  # the cloud has no trusts
        except CredentialsError:
            gaps.append("trusts: Keystone refuses to list them")
            return []
        ours = [row for row in rows if row.get("project_id") == tenant_id and not row.get("deleted_at")]
        if not ours:
            return []
        system = _SystemScope(self._http)
        try:
            full = self._http.gather([partial(self._with_roles, row, system) for row in ours])
        finally:
            system.close()
        unknown = sum(1 for row in full if "roles" not in row)
        if unknown:
            gaps.append(
                f"roles of {unknown} trusts: Keystone shows them only to a reader of the whole system"
            )
        return [_trust(row) for row in full]

    def ec2(self, user_ids: Sequence[str], tenant_id: str, gaps: list[str]) -> dict[str, int]:
        """User id -> how many. One list; per user where that list cannot be had; else a gap, as they are only counted.

        2023.1 with the cache dogpile.cache.memory breaks off what it has listed before (KeyError encrypted_blob): not waited out.
        """
        try:
            body = self._http.get_once("identity", "/credentials", params={"type": "ec2"})
            rows = [row for row in body["credentials"] if row.get("project_id") == tenant_id]
            return dict(Counter(str(row["user_id"]) for row in rows))
        except (CloudFaultError, CredentialsError):
            return self._ec2_by_user(user_ids, tenant_id, gaps)

    def _ec2_by_user(self, user_ids: Sequence[str], tenant_id: str, gaps: list[str]) -> dict[str, int]:
        def of(user_id: str) -> int | None:
            path = f"/users/{quote(user_id, safe='')}/credentials/OS-EC2"
            try:
                rows: Rows = self._http.get_once("identity", path)["credentials"]
            except NotFoundError:
                return 0
            except (CloudFaultError, CredentialsError):
                return None
            return sum(1 for row in rows if row.get("tenant_id") == tenant_id)

        counts = dict(zip(user_ids, self._http.gather([partial(of, each) for each in user_ids]), strict=True))
        unknown = sum(1 for count in counts.values() if count is None)
        if unknown:
            gaps.append(f"EC2 credentials of {unknown} users: Keystone does not list them")
        return {user_id: count for user_id, count in counts.items() if count}

    def _with_roles(self, row: Mapping[str, Any], system: "_SystemScope") -> Mapping[str, Any]:
        """2023.1 shows a trust to its two users and to readers of the whole system, not to the admin of a project."""
        path = f"/OS-TRUST/trusts/{quote(str(row['id']), safe='')}"
        readers: list[Callable[[str], Any]] = [partial(self._http.get, "identity"), system.get]
        for read in readers:
            try:
                trust: Mapping[str, Any] = read(path)["trust"]
            except (CredentialsError, CloudRefusedError):
                continue
            except NotFoundError:  # used up or deleted meanwhile
                break
            return trust
        return row


class _SystemScope:
    """Our own user with a token for the whole system, made when it is first needed."""

    def __init__(self, transport: Transport) -> None:
        self._like = transport
        self._lock = threading.Lock()
        self._made: Transport | None = None

    def get(self, path: str) -> Any:
        """A GET at Keystone. Raises CredentialsError when our user has no role on the system."""
        with self._lock:
            if self._made is None:
                self._made = self._like.for_system()
        return self._made.get("identity", path)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def _application_credential(row: Mapping[str, Any]) -> ApplicationCredential:
    return ApplicationCredential(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        user_id=str(row.get("user_id") or ""),
        project_id=str(row.get("project_id") or ""),
        roles=tuple(sorted(str(role["name"]) for role in row.get("roles") or ())),
        unrestricted=bool(row.get("unrestricted")),
        expires_at=_time(row.get("expires_at")),
    )


def _trust(row: Mapping[str, Any]) -> Trust:
    return Trust(
        id=str(row["id"]),
        trustor_id=str(row["trustor_user_id"]),
        trustee_id=str(row["trustee_user_id"]),
        project_id=str(row.get("project_id") or ""),
        roles=tuple(sorted(str(role["name"]) for role in row.get("roles") or ())),
        impersonation=bool(row.get("impersonation")),
        expires_at=_time(row.get("expires_at")),
    )


def _time(value: object) -> datetime | None:
    """Keystone writes application credentials' times without a zone and trusts' with Z; both are UTC."""
    if not value:
        return None
    when = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return when if when.tzinfo else when.replace(tzinfo=UTC)
