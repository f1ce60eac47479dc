"""Application credentials, trusts and EC2 credentials in a tenant; tenant_people.py, tenants.py and the drivers of these kinds call it. Secrets are in no `repr`.

What a cloud refuses to show is told in `gaps` in words rather than by failing: who may do what is worth knowing without it.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError, NotFoundError
from pumphouse.domain.tenant import ApplicationCredential, Trust
from pumphouse.drivers.openstack.once import once
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Rows, Transport


@dataclass(frozen=True, slots=True)
class Ec2Key:
    """One EC2 credential. `bound` says that it belongs to a trust or an application credential, or cannot be read."""

    user_id: str
    access: str
    secret: str = field(repr=False)
    bound: bool

    @property
    def id(self) -> str:
        """Keystone's own (keystone/api/credentials.py, _assign_unique_id)."""
        return hashlib.sha256(self.access.encode()).hexdigest()


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
        """User id -> how many."""
        return dict(Counter(key.user_id for key in self.ec2_keys(user_ids, tenant_id, gaps)))

    def ec2_keys(self, user_ids: Sequence[str], tenant_id: str, gaps: list[str]) -> list[Ec2Key]:
        """One list, for all who ask within one reading; per user where that list cannot be had; else a gap.

        2023.1 with the cache dogpile.cache.memory breaks off what it has listed before (KeyError encrypted_blob): not waited out.
        """
        question = ("ec2", self._http.environment, tenant_id, *user_ids)
        keys, unseen = once(question, partial(self._ec2_listed, user_ids, tenant_id))
        gaps += unseen
        return list(keys)

    def _ec2_listed(self, user_ids: Sequence[str], tenant_id: str) -> tuple[Sequence[Ec2Key], Sequence[str]]:
        try:
            body = self._http.get_once("identity", "/credentials", params={"type": "ec2"})
            rows = [row for row in body["credentials"] if row.get("project_id") == tenant_id]
            return [ec2_key(row) for row in rows], ()
        except (CloudFaultError, CredentialsError):
            return self._ec2_by_user(user_ids, tenant_id)

    def _ec2_by_user(self, user_ids: Sequence[str], tenant_id: str) -> tuple[Sequence[Ec2Key], Sequence[str]]:
        def of(user_id: str) -> list[Ec2Key] | None:
            path = f"/users/{quote(user_id, safe='')}/credentials/OS-EC2"
            try:
                rows: Rows = self._http.get_once("identity", path)["credentials"]
            except NotFoundError:
                return []
            except (CloudFaultError, CredentialsError):
                return None
            return [_key(user_id, row) for row in rows if row.get("tenant_id") == tenant_id]

        found = self._http.gather([partial(of, each) for each in user_ids])
        unknown = sum(1 for keys in found if keys is None)
        unseen = [f"EC2 credentials of {unknown} users: Keystone does not list them"] if unknown else []
        return [key for keys in found for key in keys or ()], unseen

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


def ec2_key(row: Mapping[str, Any]) -> Ec2Key:
    """Of a row of /credentials: what it holds is JSON in its `blob`."""
    try:
        told = json.loads(row["blob"])
    except (KeyError, TypeError, ValueError):
        told = None
    return _key(str(row["user_id"]), told if isinstance(told, dict) else {})


def _key(user_id: str, told: Mapping[str, Any]) -> Ec2Key:
    access, secret = str(told.get("access") or ""), str(told.get("secret") or "")
    others = (told.get(name) for name in ("trust_id", "app_cred_id", "access_token_id"))
    return Ec2Key(user_id, access, secret, bound=not (access and secret) or any(others))


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
