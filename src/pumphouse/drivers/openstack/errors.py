"""The one translation of what keystoneauth, requests and the services say into the errors of the domain; transport.py and identity.py call it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

from pumphouse.domain.errors import (
    CloudFaultError,
    CloudRefusedError,
    CredentialsError,
    NotFoundError,
    PumphouseError,
)

T = TypeVar("T")

_SECRETS = re.compile(
    r"(gAAAA[\w\-=]{8,}"  # a Fernet token
    r"|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)"  # user:password@ in a URL
    r"|(?<=password=)[^\s&'\"]+|(?<=secret=)[^\s&'\"]+|(?<=X-Auth-Token: )\S+)",
    re.IGNORECASE,
)
_MAX_WORDS = 400
_REFUSED_INSIDE = "Networking client is experiencing an unauthorized exception"


class Response(Protocol):
    """As much of an HTTP response as is needed to tell what went wrong."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def text(self) -> str: ...
    def json(self) -> Any: ...


class MissingResourceError(NotFoundError):
    """A 404 with the cloud's own words; `kind` and `name` come from the path that was asked for."""

    code = "not-found"

    def __init__(self, kind: str, name: str, detail: str) -> None:
        super().__init__(kind, name)
        self.message = f"{self.message}: {detail}"
        self.args = (self.message,)


class BusyError(CloudFaultError):
    """A 409: the service has done nothing, as something there excludes it or is busy. Drivers tell it from an answer that was lost."""

    code = "cloud-fault"


def refused_inside(response: Response) -> bool:
    """Whether Nova took our token and Neutron then refused it from Nova: Nova says so with 400 (nova/network/neutron.py; measured on 2023.1 with a revoked token)."""
    return response.status_code == 400 and _REFUSED_INSIDE in words(response)


def error_of_response(
    what: str, path: str, response: Response, *, now: datetime | None = None
) -> PumphouseError:
    """The domain error for an HTTP answer of 400 or more; `what` is `old nova: GET /servers/ID` and opens the message."""
    status = response.status_code
    said = f"{what} was answered with {status}: {words(response)}{_request_id(response.headers)}"
    if status == 401:
        return CredentialsError(
            said,
            hint="our token or password is not accepted: check user, password and project of the cloud's entry",
        )
    if status == 403:
        return CredentialsError(
            said, hint="the credentials are valid but may not do this: an admin role is needed"
        )
    if status == 404:
        kind, name = _resource(path)
        return MissingResourceError(kind, name, said)
    if status == 409:
        return BusyError(said, hint=_fault_hint(status), after_s=_retry_after(response.headers, now))
    if status in (408, 425, 429) or status >= 500 or refused_inside(response):
        return CloudFaultError(said, hint=_fault_hint(status), after_s=_retry_after(response.headers, now))
    return CloudRefusedError(said, hint="the cloud will give the same answer again: correct what it names")


def error_of_exception(what: str, error: Exception) -> PumphouseError:
    """The domain error for an exception of keystoneauth or requests, raised while doing `what`."""
    from keystoneauth1 import exceptions as ks

    response = getattr(error, "response", None)
    if isinstance(error, ks.HttpError) and response is not None:
        return error_of_response(what, "/", response)
    said = f"{what} failed: {_clean(str(error) or type(error).__name__)}"
    if isinstance(error, ks.Unauthorized | ks.Forbidden):
        return CredentialsError(said, hint="check user, password and project of the cloud's entry")
    if isinstance(error, ks.SSLError):
        return CloudRefusedError(
            said, hint="set cacert to the certificate authority of the cloud, or verify: false"
        )
    if isinstance(error, ks.MissingRequiredOptions | ks.NoMatchingPlugin | ks.OptionError):
        return CredentialsError(said, hint="complete the auth part of the cloud's entry in clouds.yaml")
    if isinstance(error, ks.EndpointNotFound | ks.EmptyCatalog | ks.MissingAuthPlugin):
        return CloudRefusedError(
            said, hint="check region and interface, and that the service has an endpoint in the catalog"
        )
    if isinstance(error, ks.ConnectionError | ks.HttpError | ks.DiscoveryFailure | OSError):
        return CloudFaultError(said, hint="is the service running, and can this machine reach it?")
    if isinstance(error, ks.ClientException | ValueError):
        return CloudRefusedError(
            said, hint="this does not look like the answer of an OpenStack service: check the endpoint"
        )
    return CloudFaultError(said)


def translated(what: str, call: Callable[[], T]) -> T:
    """The answer of `call`, or the domain error for what it raised. The cause is cut off, as it may hold the request with its token or password."""
    from keystoneauth1.exceptions import ClientException

    try:
        return call()
    except PumphouseError:
        raise
    except (ClientException, OSError, ValueError) as error:
        raise error_of_exception(what, error) from None


def words(response: Response) -> str:
    """What the service itself said, in one line without secrets: each service wraps its message differently."""
    try:
        body = response.json()
    except ValueError:
        text = re.sub(r"<[^>]+>", " ", response.text or "")
        return _clean(text) or "no explanation"
    return _clean(_message(body)) or "no explanation"


def _message(body: object) -> str:
    if isinstance(body, dict):
        errors = body.get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):  # placement
            return str(errors[0].get("detail") or errors[0].get("title") or "")
        for key in ("message", "detail", "faultstring"):
            if isinstance(body.get(key), str):
                return str(body[key])
        # nova {"badRequest": {...}}, neutron {"NeutronError": {...}}, keystone and cinder {"error": {...}}
        for value in body.values():
            if isinstance(value, dict | str):
                return _message(value)
    return body if isinstance(body, str) else ""


def _clean(text: str) -> str:
    line = " ".join(_SECRETS.sub("***", text).split())
    return line if len(line) <= _MAX_WORDS else line[: _MAX_WORDS - 1] + "…"


def _request_id(headers: Mapping[str, str]) -> str:
    found = headers.get("x-openstack-request-id") or headers.get("x-compute-request-id")
    return f" (request {found})" if found else ""


def _retry_after(headers: Mapping[str, str], now: datetime | None) -> float:
    value = headers.get("Retry-After") or headers.get("retry-after") or ""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    if now is None:
        return 0.0
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _fault_hint(status: int) -> str:
    if status == 409:
        return "the resource is busy or in another state: look at it and try again"
    if status == 429:
        return "the cloud limits how often it may be asked: try again later or with less concurrency"
    return "the service has a problem: look at its log with this request id, then try again"


def _resource(path: str) -> tuple[str, str]:
    """`/servers/ID/action` -> (server, ID)."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    if not parts:
        return "resource", path
    kind = parts[0].removeprefix("os-")
    if kind.startswith("v") and len(parts) > 1:
        kind, *parts = parts[1:]
        parts = [kind, *parts]
    singular = kind[:-1] if kind.endswith("s") else kind
    return singular.replace("_", " ").replace("-", " "), parts[1] if len(parts) > 1 else path
