"""Requests of a member of a tenant, with exactly the token that he has: it is never renewed, and never shown. Used by prober.py."""

import json
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError
from pumphouse.domain.fence import SERVICES
from pumphouse.drivers.openstack import endpoints
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.errors import translated, words
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.ports.clock import Clock
from pumphouse.ports.probes import ProbeLogin

if TYPE_CHECKING:
    from keystoneauth1.session import Session

SERVICE_NAMES: Mapping[str, str] = {
    "keystone": "identity",
    "nova": "compute",
    "neutron": "network",
    "cinder": "block-storage",
    "glance": "image",
}
"""Program -> what its endpoint is called in this room."""

TRIES = 4
"""Of one request, when it is answered with a fault, or not at all."""
_FIRST_DELAY_S = 0.5


@dataclass(frozen=True, slots=True)
class MemberLogin(ProbeLogin):
    """A token with what came with it."""

    name: str
    user_id: str
    tenant_id: str
    token: str = field(repr=False)
    roles: frozenset[str] = frozenset()
    urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Program -> URL in the catalog of this token, which may hold the tenant's id; a service without endpoint is missing."""

    @property
    @override
    def label(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a service; `microversion` is one that the cloud has."""

    service: str
    method: str
    path: str
    body: Any = None
    microversion: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status (0: none came) and what the service said, without secrets."""

    status: int
    said: str = ""

    @property
    def is_fault(self) -> bool:
        """Not about who asked, but about how the service is."""
        return self.status == 0 or self.status == 429 or self.status >= 500


class MemberSession:
    """Logs in, and sends requests with one connection pool per thread."""

    def __init__(self, environment: str, settings: CloudSettings, clock: Clock) -> None:
        self._environment = environment
        self._settings = settings
        self._clock = clock
        self._local = threading.local()
        self._sessions: weakref.WeakSet[Any] = weakref.WeakSet()

    def log_in(
        self, user_id: str, password: str, tenant_id: str, label: str, own_project: str
    ) -> MemberLogin:
        """A token of that user; `own_project` is the administrator's, which a configured endpoint may name.

        Raises:
            CredentialsError: Keystone refuses; CloudFaultError: it has not answered, several times.
        """
        auth = {
            "auth_url": self._settings.auth["auth_url"],
            "user_id": user_id,
            "password": password,
            "project_id": tenant_id,
        }
        identity = Identity(self._environment, replace(self._settings, auth_type="v3password", auth=auth))
        try:
            headers = self._headers(identity)
            urls = {}
            for service in SERVICES:
                url = self._url(identity, SERVICE_NAMES[service], own_project, tenant_id)
                if url:
                    urls[service] = url
            access: Any = identity.plugin().get_access(identity.session())  # type: ignore[attr-defined]  # identity plugins have it
            roles = frozenset(str(name) for name in access.role_names)
        finally:
            identity.close()
        return MemberLogin(label, user_id, tenant_id, headers["X-Auth-Token"], roles, urls)

    def send(self, login: MemberLogin, request: Request) -> Answer:
        """The answer; a fault is asked for again a few times, and then is the answer."""
        delay = _FIRST_DELAY_S
        for _ in range(TRIES - 1):
            answer = self._once(login, request)
            if not answer.is_fault:
                return answer
            self._clock.sleep(delay)
            delay *= 2
        return self._once(login, request)

    def close(self) -> None:
        """Give back all connections."""
        for session in list(self._sessions):
            session.session.close()

    def _headers(self, identity: Identity) -> dict[str, str]:
        delay = _FIRST_DELAY_S
        for _ in range(TRIES - 1):
            try:
                return identity.headers()
            except CloudFaultError:
                self._clock.sleep(delay)
                delay *= 2
        return identity.headers()

    def _url(self, identity: Identity, service: str, own_project: str, tenant_id: str) -> str:
        configured = self._settings.endpoint_overrides.get(service)
        if configured and own_project:
            configured = configured.replace(own_project, tenant_id)
        try:
            url = configured or identity.url_of(service)
        except CloudRefusedError:
            return ""
        return endpoints.with_version(service, url)

    def _once(self, login: MemberLogin, request: Request) -> Answer:
        headers = {"Accept": "application/json", "X-Auth-Token": login.token}
        if request.microversion:
            name = endpoints.MICROVERSION_SERVICE[SERVICE_NAMES[request.service]]
            headers["OpenStack-API-Version"] = f"{name} {request.microversion}"
        content: dict[str, Any] = {}
        if request.body is not None:
            headers["Content-Type"] = request.content_type or "application/json"
            content["data"] = json.dumps(request.body)
        what = f"{self._environment} {request.service}: {request.method} {request.path}"
        try:
            response = translated(
                what,
                lambda: self._session().request(
                    login.urls[request.service] + request.path,
                    request.method,
                    headers=headers,
                    authenticated=False,
                    raise_exc=False,
                    log=False,
                    redirect=False,
                    timeout=(self._settings.connect_s, self._settings.read_s),
                    **content,
                ),
            )
        except (CloudFaultError, CloudRefusedError) as error:
            return Answer(0, error.message)
        said = words(response).replace(login.token, "***") if response.status_code >= 400 else ""
        return Answer(response.status_code, said)

    def _session(self) -> "Session":
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            from keystoneauth1.session import Session as KeystoneSession

            settings = self._settings
            session = KeystoneSession(
                verify=(settings.cacert or True) if settings.verify else False,
                cert=(settings.cert, settings.key) if settings.cert and settings.key else settings.cert,
                user_agent=f"pumphouse/{version('pumphouse')}",
            )
            self._local.session = session
            self._sessions.add(session)
        return session
