"""HTTP to one cloud for everything else in this room: one token for all threads, one connection per thread, reads tried again, errors translated.

A read that fails with a fault is repeated with back-off until `read_deadline_s` is over, or as the cloud's Retry-After says. A write goes
out once; only when the cloud refuses its token with 401, which means that it was not carried out, is the token renewed and the write sent
again.
"""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, TypeVar

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError, NotFoundError
from pumphouse.drivers.openstack import endpoints, errors
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.errors import error_of_exception, error_of_response, translated
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.once import carried, once
from pumphouse.ports.clock import Clock

T = TypeVar("T")
Params = Mapping[str, str | int | Sequence[str]]
Rows = list[dict[str, Any]]

PAGE: Final = 1000
"""Rows asked for at once; the services cap it themselves."""

_PIECE: Final = 1 << 20
"""Bytes of an image that are in memory at once."""
_LOG = logging.getLogger(__name__)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 4.0
_FIRST_CONTACT_S = 12.0
"""A cloud that has never answered us is more likely wrongly named than restarting: it gets this long, enough for a restarted service."""
_FORMER_TYPES = {"volume": "block-storage", "volumev2": "block-storage", "volumev3": "block-storage"}
"""Of the services that we use; catalogs keep them for old clients."""
_SAID_AS = {
    "compute": "nova",
    "network": "neutron",
    "image": "glance",
    "block-storage": "cinder",
    "identity": "keystone",
}


class Transport:
    """Speaks to the services of one cloud. Safe for use by many threads. Several may share one `identity`, and with it one login and its token."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self.settings = settings
        self._clock = clock
        self._identity = identity or Identity(environment, settings)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._endpoints: dict[str, endpoints.Endpoint] = {}
        self._unanswered: dict[str, tuple[float, CloudFaultError | None]] = {}
        self._doors: dict[str, threading.Lock] = {}
        self._spread = itertools.count()
        self._pool = ThreadPoolExecutor(
            settings.concurrency, thread_name_prefix=f"cloud-{environment}", initializer=self._mark_worker
        )

    # -- reading and writing

    def get(self, service: str, path: str, *, params: Params | None = None, microversion: str = "") -> Any:
        """The JSON body of a GET; `microversion` is the highest that is useful, lowered to what the cloud has."""
        asked = repr(sorted((params or {}).items()))
        return once(
            (self, service, path, asked, microversion),
            lambda: self._patiently(
                lambda: self._send(service, "GET", path, params=params, microversion=microversion)
            ),
        )

    def get_once(
        self,
        service: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A GET whose fault is not waited out, for callers that have another way to learn the same."""
        self.endpoint(service)
        self._patiently(self._identity.headers)
        return self._send(service, "GET", path, params=params, extra=headers)

    def write(
        self,
        service: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        microversion: str = "",
        content_type: str = "",
    ) -> Any:
        """The JSON body (None when there is none) of a POST, PUT, PATCH or DELETE that is sent once."""
        # token and endpoint are looked up patiently first: what fails there has not reached the service yet
        self.endpoint(service)
        self._patiently(self._identity.headers)
        return self._send(
            service, method, path, json=json, data=data, microversion=microversion, content_type=content_type
        )

    def download(self, service: str, path: str) -> Iterator[bytes]:
        """The body of a GET piece by piece, never more than one piece in memory."""
        endpoint = self.endpoint(service)
        what = f"{self._names(service)}: GET {path}"
        response = self._authorised(what, endpoint.url + path, "GET", {}, {"stream": True})
        if response.status_code >= 400:
            raise error_of_response(what, path, response, now=self._clock.now())
        try:
            yield from response.iter_content(_PIECE)
        except OSError as error:
            raise error_of_exception(what, error) from None
        finally:
            response.close()

    def upload(self, service: str, path: str, pieces: Iterator[bytes], *, size: int | None = None) -> None:
        """PUT a body piece by piece; sent once. With `size` the service is told its length, and takes a shorter body for the broken one that it is.

        Raises:
            CloudFaultError: also for a refused token: it has been renewed, but the pieces are gone, so the caller has to begin again.
        """
        endpoint = self.endpoint(service)
        what = f"{self._names(service)}: PUT {path}"
        tokens = self._patiently(self._identity.headers)
        headers = {"Content-Type": "application/octet-stream", **tokens}
        body = pieces if size is None else _Sized(pieces, size)
        response = self._request(what, endpoint.url + path, "PUT", headers, {"data": body})
        if response.status_code < 400:
            return
        error = error_of_response(what, path, response, now=self._clock.now())
        if response.status_code == 401 and self._identity.renew(tokens):
            raise CloudFaultError(error.message, hint="the token has been renewed: send it again")
        raise error

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
        return self._pool.submit(carried(call))

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
        came = self._clock.monotonic()
        with door:  # one thread asks, the others wait for its answer, be it a fault
            if service not in self._endpoints:
                failed_at, fault = self._unanswered.get(service, (-1.0, None))
                if fault is not None and failed_at > came:
                    raise fault
                try:
                    self._endpoints[service] = self._patiently(lambda: self._discover(service))
                except CloudFaultError as error:
                    self._unanswered[service] = (self._clock.monotonic(), error)
                    raise
            return self._endpoints[service]

    def catalog(self) -> list[dict[str, Any]]:
        """The service catalog of our token, as Keystone wrote it."""
        return self._patiently(self._identity.catalog)

    def project_id(self) -> str:
        """The project of our token ("" for another scope)."""
        return self._patiently(self._identity.project_id)

    def user(self) -> tuple[str, str]:
        """Id of the user of our token, and of his domain."""
        return self._patiently(self._identity.user)

    def for_system(self) -> "Transport":
        """The same user with a token for the whole system instead of a project; to be closed by the caller."""
        auth = {
            name: value
            for name, value in self.settings.auth.items()
            if not name.startswith(("project_", "tenant_", "domain_"))
        }
        settings = replace(self.settings, auth={**auth, "system_scope": "all"})
        return Transport(self.environment, settings, self._clock)

    def services(self) -> list[str]:
        """The official types of the services in the catalog, sorted."""
        return sorted({_FORMER_TYPES.get(entry["type"], entry["type"]) for entry in self.catalog()})

    def offers(self, service: str) -> bool:
        """Whether the cloud has a service of this official type."""
        return service in self.settings.endpoint_overrides or service in self.services()

    def close(self) -> None:
        """Give back threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._identity.close()

    # -- inside

    def _mark_worker(self) -> None:
        self._local.worker = True

    def _patiently(self, call: Callable[[], T]) -> T:
        began, delay, tries = self._clock.monotonic(), _FIRST_DELAY_S, 0
        while True:
            tries += 1
            try:
                return call()
            except CloudFaultError as fault:
                patience = self.settings.read_deadline_s
                if not self._identity.answered:
                    patience = min(patience, _FIRST_CONTACT_S)
                # many threads meet the same fault at once: they come back spread over half a delay
                wait = max(fault.after_s, delay * (1 + next(self._spread) % 8 / 16))
                is_late = self._clock.monotonic() + wait > began + patience
                # what gave no answer for longer than that is asked once more all the same
                if is_late and (tries > 1 or wait > patience):
                    raise
                _LOG.debug("%s: trying again in %.1f s: %s", self.environment, wait, fault.message)
                self._clock.sleep(wait)
                delay = min(delay * 2, _LONGEST_DELAY_S)

    def _send(
        self,
        service: str,
        method: str,
        path: str,
        *,
        microversion: str = "",
        content_type: str = "",
        extra: Mapping[str, str] | None = None,
        **content: Any,
    ) -> Any:
        endpoint = self.endpoint(service)
        headers = {"Accept": "application/json", **(extra or {})}
        if microversion:
            header = f"{endpoints.MICROVERSION_SERVICE[service]} {endpoint.pick(microversion)}"
            headers["OpenStack-API-Version"] = header
        if content_type or content.get("data") is not None:
            headers["Content-Type"] = content_type or "application/octet-stream"
        what = f"{self._names(service)}: {method} {path}{_action(content.get('json'))}"
        response = self._authorised(what, endpoint.url + path, method, headers, content)
        if response.status_code >= 400:
            raise error_of_response(what, path, response, now=self._clock.now())
        if not response.content:
            return None
        return translated(what, response.json)

    def _authorised(
        self, what: str, url: str, method: str, headers: dict[str, str], content: Mapping[str, Any]
    ) -> Any:
        """Send with our token; a refused token is renewed once, by one thread for all."""
        given = {name: value for name, value in content.items() if value is not None}
        tokens = self._identity.headers()
        response = self._request(what, url, method, {**headers, **tokens}, given)
        if response.status_code == 401 and self._identity.renew(tokens):
            renewed = self._patiently(self._identity.headers)
            response = self._request(what, url, method, {**headers, **renewed}, given)
        elif errors.refused_inside(response):
            # a service may have done something before it was refused: only who looks first may send a write again
            self._identity.renew(tokens)
        return response

    def _request(
        self, what: str, url: str, method: str, headers: dict[str, str], content: Mapping[str, Any]
    ) -> Any:
        session = self._identity.session()
        timeouts = (self.settings.connect_s, self.settings.read_s)
        response = translated(
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
        self._identity.answered = True
        return response

    def _discover(self, service: str) -> endpoints.Endpoint:
        url = self.settings.endpoint_overrides.get(service) or self._identity.url_of(service)
        url = endpoints.with_version(service, url)
        document = endpoints.document_url(service, url)
        what = f"{self._names(service)}: GET {document}"
        response = self._authorised(what, document, "GET", {"Accept": "application/json"}, {})
        if response.status_code >= 400:
            error = error_of_response(what, "/", response, now=self._clock.now())
            if isinstance(error, CloudFaultError | CredentialsError):
                raise error
        # some proxies hide version documents; only services with microversions cannot do without
        document_body = _json_or_none(response) if response.status_code <= 300 else None
        found = endpoints.read_document(service, url, document_body)
        if service in endpoints.MICROVERSION_SERVICE and not found.maximum:
            raise CloudRefusedError(
                f"{what} did not tell its microversions ({response.status_code})",
                hint="check the endpoint's URL",
            )
        return found

    def _names(self, service: str) -> str:
        return f"{self.environment} {_SAID_AS.get(service, service)}"


class _Sized:
    """Pieces of which the length is known: requests then sends Content-Length instead of chunks."""

    def __init__(self, pieces: Iterator[bytes], size: int) -> None:
        self._pieces = pieces
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def has_next(body: Mapping[str, Any], key: str) -> bool:
    """Whether the cloud says that another page follows."""
    if body.get("next"):  # glance
        return True
    return any(link.get("rel") == "next" for link in body.get(f"{key}_links") or ())


def _json_or_none(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _action(json: Any) -> str:
    """The name of a server action, which alone tells what a POST to /action does."""
    if isinstance(json, dict) and len(json) == 1:
        return f" ({next(iter(json))})"
    return ""
