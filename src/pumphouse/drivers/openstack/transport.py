"""HTTP to one cloud for everything else in this room: one token for all threads, one connection per thread, reads tried again, errors translated.

A read that fails with a fault is repeated with back-off until `read_deadline_s` is over, or as the cloud's Retry-After says. A write goes
out once; only when the cloud refuses its token with 401, which means that it was not carried out, is the token renewed and the write sent
again.
"""

import itertools
import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, NotFoundError, PumphouseError
from pumphouse.drivers.openstack import endpoints
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.errors import error_of_exception, error_of_response
from pumphouse.ports.clock import Clock

if TYPE_CHECKING:
    from keystoneauth1.plugin import BaseAuthPlugin
    from keystoneauth1.session import Session

T = TypeVar("T")
Params = Mapping[str, str | int | Sequence[str]]
Rows = list[dict[str, Any]]

PAGE: Final = 1000
"""Rows asked for at once; the services cap it themselves."""

_LOG = logging.getLogger(__name__)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 4.0
_SAID_AS = {
    "compute": "nova",
    "network": "neutron",
    "image": "glance",
    "block-storage": "cinder",
    "identity": "keystone",
}


class Transport:
    """Speaks to the services of one cloud. Safe for use by many threads."""

    def __init__(self, environment: str, settings: CloudSettings, clock: Clock) -> None:
        self.environment = environment
        self.settings = settings
        self._clock = clock
        self._local = threading.local()
        self._sessions: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._auth: BaseAuthPlugin | None = None
        self._endpoints: dict[str, endpoints.Endpoint] = {}
        self._doors: dict[str, threading.Lock] = {}
        self._spread = itertools.count()
        self._pool = ThreadPoolExecutor(
            settings.concurrency, thread_name_prefix=f"cloud-{environment}", initializer=self._mark_worker
        )

    # -- reading and writing

    def get(self, service: str, path: str, *, params: Params | None = None, microversion: str = "") -> Any:
        """The JSON body of a GET; `microversion` is the highest that is useful, lowered to what the cloud has."""
        return self._patiently(
            lambda: self._send(service, "GET", path, params=params, microversion=microversion)
        )

    def write(
        self,
        service: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        microversion: str = "",
    ) -> Any:
        """The JSON body (None when there is none) of a POST, PUT, PATCH or DELETE that is sent once."""
        # token and endpoint are looked up patiently first: what fails there has not reached the service yet
        self.endpoint(service)
        self._patiently(self._headers)
        return self._send(service, method, path, json=json, data=data, microversion=microversion)

    def delete(self, service: str, path: str, *, microversion: str = "") -> bool:
        """DELETE; False when there was nothing there."""
        try:
            self.write(service, "DELETE", path, microversion=microversion)
        except NotFoundError:
            return False
        return True

    def pages(
        self, service: str, path: str, key: str, *, params: Params | None = None, microversion: str = ""
    ) -> Iterator[Rows]:
        """The pages of a list one after the other, each as the cloud's own rows; never more than one page in memory."""
        marker: dict[str, str] = {}
        while True:
            body = self.get(
                service, path, params={"limit": PAGE, **(params or {}), **marker}, microversion=microversion
            )
            rows = body[key]
            yield rows
            if not rows or not has_next(body, key):
                return
            marker = {"marker": str(rows[-1]["id"])}

    def rows(
        self, service: str, path: str, key: str, *, params: Params | None = None, microversion: str = ""
    ) -> Rows:
        """All rows of a short list."""
        return list(
            itertools.chain.from_iterable(
                self.pages(service, path, key, params=params, microversion=microversion)
            )
        )

    # -- many at once

    def submit(self, call: Callable[[], T]) -> "Future[T]":
        """Start a call in the pool. Calls in the pool never wait for other calls of the pool."""
        return self._pool.submit(call)

    def gather(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """The answers of all calls, at most `concurrency` at once, in order; the first error is raised and the rest is dropped."""
        if getattr(self._local, "worker", False):
            return [call() for call in calls]
        futures = [self.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    # -- what the cloud is

    def endpoint(self, service: str) -> endpoints.Endpoint:
        """Where the service answers and what it speaks; kept after the first time.

        Raises:
            CloudRefusedError: the catalog has no such service for our region and interface.
        """
        known = self._endpoints.get(service)
        if known is not None:
            return known
        with self._lock:
            door = self._doors.setdefault(service, threading.Lock())
        with door:  # one thread asks, the others wait for its answer
            if service not in self._endpoints:
                self._endpoints[service] = self._patiently(lambda: self._discover(service))
            return self._endpoints[service]

    def catalog(self) -> list[dict[str, Any]]:
        """The service catalog of our token, as Keystone wrote it."""
        return self._patiently(lambda: self._guarded("reading the catalog", self._read_catalog))

    def project_id(self) -> str:
        """The project of our token ("" for another scope)."""

        def read() -> str:
            return str(self._plugin().get_project_id(self._session()) or "")

        return self._patiently(lambda: self._guarded("reading the token", read))

    def pick(self, service: str, wanted: str) -> str:
        """The highest microversion up to `wanted` that the cloud has."""
        return self.endpoint(service).pick(wanted)

    def close(self) -> None:
        """Give back threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for session in list(self._sessions):
            session.session.close()

    # -- inside

    def _mark_worker(self) -> None:
        self._local.worker = True

    def _patiently(self, call: Callable[[], T]) -> T:
        deadline = self._clock.monotonic() + self.settings.read_deadline_s
        delay = _FIRST_DELAY_S
        while True:
            try:
                return call()
            except CloudFaultError as fault:
                # many threads meet the same fault at once: they come back spread over half a delay
                wait = max(fault.after_s, delay * (1 + next(self._spread) % 8 / 16))
                if self._clock.monotonic() + wait > deadline:
                    raise
                _LOG.debug("%s: trying again in %.1f s: %s", self.environment, wait, fault.message)
                self._clock.sleep(wait)
                delay = min(delay * 2, _LONGEST_DELAY_S)

    def _send(self, service: str, method: str, path: str, *, microversion: str = "", **content: Any) -> Any:
        endpoint = self.endpoint(service)
        headers = {"Accept": "application/json"}
        if microversion:
            header = f"{endpoints.MICROVERSION_SERVICE[service]} {endpoint.pick(microversion)}"
            headers["OpenStack-API-Version"] = header
        if content.get("data") is not None:
            headers["Content-Type"] = "application/octet-stream"
        what = f"{self._names(service)}: {method} {path}{_action(content.get('json'))}"
        response = self._authorised(what, endpoint.url + path, method, headers, content)
        if response.status_code >= 400:
            raise error_of_response(what, path, response, now=self._clock.now())
        if not response.content:
            return None
        return self._guarded(what, response.json)

    def _authorised(
        self, what: str, url: str, method: str, headers: dict[str, str], content: Mapping[str, Any]
    ) -> Any:
        """Send with our token; a refused token is renewed once, by one thread for all."""
        given = {name: value for name, value in content.items() if value is not None}
        tokens = self._headers()
        response = self._request(what, url, method, {**headers, **tokens}, given)
        if response.status_code == 401 and self._renew(tokens):
            response = self._request(what, url, method, {**headers, **self._patiently(self._headers)}, given)
        return response

    def _request(
        self, what: str, url: str, method: str, headers: dict[str, str], content: Mapping[str, Any]
    ) -> Any:
        session = self._session()
        timeouts = (self.settings.connect_s, self.settings.read_s)
        return self._guarded(
            what,
            lambda: session.request(
                url,
                method,
                headers=headers,
                authenticated=False,
                raise_exc=False,
                log=False,
                timeout=timeouts,
                **content,
            ),
        )

    def _headers(self) -> dict[str, str]:
        what = f"{self._names('identity')}: authentication at {self.settings.auth.get('auth_url', '?')}"
        return self._guarded(what, lambda: dict(self._plugin().get_headers(self._session()) or {}))

    def _renew(self, refused: Mapping[str, str]) -> bool:
        with self._lock:
            plugin = self._plugin_unlocked()
            if dict(plugin.get_headers(self._session()) or {}) != dict(refused):
                return True  # another thread was first
            return bool(plugin.invalidate())

    def _guarded(self, what: str, call: Callable[[], T]) -> T:
        from keystoneauth1.exceptions import ClientException

        try:
            return call()
        except PumphouseError:
            raise
        except (ClientException, OSError, ValueError) as error:
            translated = error_of_exception(what, error)
            _LOG.debug("%s: %s", self.environment, translated.message)
            raise translated from None  # the original may hold the request, and with it the password

    def _discover(self, service: str) -> endpoints.Endpoint:
        url = self.settings.endpoint_overrides.get(service) or self._from_catalog(service)
        url = endpoints.with_version(service, url)
        document = endpoints.document_url(service, url)
        what = f"{self._names(service)}: GET {document}"
        response = self._authorised(what, document, "GET", {"Accept": "application/json"}, {})
        if response.status_code >= 500 or response.status_code in (401, 403, 429):
            raise error_of_response(what, "/", response, now=self._clock.now())
        # some proxies hide version documents; only services with microversions cannot do without
        found = endpoints.read_document(
            service, url, response.json() if response.status_code <= 300 else None
        )
        if service in endpoints.MICROVERSION_SERVICE and not found.maximum:
            raise CloudRefusedError(
                f"{what} did not tell its microversions ({response.status_code})",
                hint="check the endpoint's URL",
            )
        return found

    def _from_catalog(self, service: str) -> str:
        from keystoneauth1.exceptions import EndpointNotFound

        settings = self.settings
        what = f"{self._names('identity')}: looking up the {service} service"

        def look() -> str:
            plugin, session = self._plugin(), self._session()
            url = plugin.get_endpoint(
                session,
                service_type=service,
                interface=settings.interface,
                region_name=settings.region,
                skip_discovery=True,
            )
            if not url:
                place = f"region {settings.region!r}" if settings.region else "any region"
                raise EndpointNotFound(
                    f"the catalog has no {settings.interface} endpoint of {service} in {place}"
                )
            return str(url)

        return self._guarded(what, look)

    def _read_catalog(self) -> list[dict[str, Any]]:
        access = self._plugin().get_access(self._session())  # type: ignore[attr-defined]  # identity plugins only; others have no catalog
        return list(access.service_catalog.catalog) if access.has_service_catalog() else []

    def _session(self) -> "Session":
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            from keystoneauth1.session import Session as KeystoneSession

            settings = self.settings
            cert = (settings.cert, settings.key) if settings.cert and settings.key else settings.cert
            session = KeystoneSession(
                verify=(settings.cacert or True) if settings.verify else False,
                cert=cert,
                user_agent=f"pumphouse/{version('pumphouse')}",
                timeout=settings.read_s,
            )
            self._local.session = session
            self._sessions.add(session)
        return session

    def _plugin(self) -> "BaseAuthPlugin":
        if self._auth is None:
            with self._lock:
                return self._plugin_unlocked()
        return self._auth

    def _plugin_unlocked(self) -> "BaseAuthPlugin":
        if self._auth is None:
            from keystoneauth1.loading import get_plugin_loader

            loader: Any = get_plugin_loader(self.settings.auth_type)
            known = {option.dest for option in loader.get_options()}
            given = {name: value for name, value in self.settings.auth.items() if name in known}
            self._auth = loader.load_from_options(**_with_domains(given, known))
        return self._auth

    def _names(self, service: str) -> str:
        return f"{self.environment} {_SAID_AS.get(service, service)}"


def has_next(body: Mapping[str, Any], key: str) -> bool:
    """Whether the cloud says that another page follows."""
    if body.get("next"):  # glance
        return True
    return any(link.get("rel") == "next" for link in body.get(f"{key}_links") or ())


def _action(json: Any) -> str:
    """The name of a server action, which alone tells what a POST to /action does."""
    if isinstance(json, dict) and len(json) == 1:
        return f" ({next(iter(json))})"
    return ""


def _with_domains(auth: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Names without a domain belong to the default one, as every OpenStack tool takes it."""
    for name, needs in (("user_domain_id", "username"), ("project_domain_id", "project_name")):
        other = name.removesuffix("_id") + "_name"
        if (
            name in known
            and auth.get(needs)
            and not auth.get(name)
            and not auth.get(other)
            and "default_domain_id" not in auth
        ):
            auth[name] = "default"
    return auth
