"""Where a service answers and which microversions it speaks; transport.py asks once per service and keeps the answer.

Read from the service's own version document rather than through keystoneauth's discovery, which falls back to an endpoint without
microversions when the document cannot be had: a cloud that hiccups once would then be taken for a very old one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SERVICES: Mapping[str, str] = {
    "identity": "/v3",
    "compute": "/v2.1",
    "placement": "",
    "network": "/v2.0",
    "image": "/v2",
    "block-storage": "/v3",
}
"""The services that we use, by official type, with the version path that is added where the catalog's URL has none."""

MICROVERSION_SERVICE: Mapping[str, str] = {
    "compute": "compute",
    "placement": "placement",
    "block-storage": "volume",
}
"""The name in the `OpenStack-API-Version` header of those that have microversions."""

_VERSION_PART = re.compile(r"^(https?://.*?/v\d+(?:\.\d+)?)(?:/.*)?$")
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service's URL, with `minimum` and `maximum` as its version document says ("" where it has no microversions)."""

    service: str
    url: str
    minimum: str = ""
    maximum: str = ""
    version: str = ""

    def pick(self, wanted: str) -> str:
        """The highest microversion up to `wanted` that this cloud has. Asking for no more than we know keeps answers in the shape we read."""
        return wanted if parse(wanted) <= parse(self.maximum) else self.maximum

    def has(self, wanted: str) -> bool:
        """Whether the cloud has this microversion."""
        return parse(self.minimum) <= parse(wanted) <= parse(self.maximum)


def parse(version: str) -> Version:
    """`2.96` as comparable numbers; (0, 0) for none."""
    major, _, minor = version.partition(".")
    return (int(major), int(minor or 0)) if major.isdigit() else (0, 0)


def with_version(service: str, url: str) -> str:
    """The catalog's URL with a version path where it should have one."""
    url = url.rstrip("/")
    return url if _VERSION_PART.match(url) else url + SERVICES.get(service, "")


def document_url(service: str, url: str) -> str:
    """Where the version document of an endpoint is."""
    if service in {"placement", "image", "network"}:
        match = re.match(r"^(.*?)/v\d", url)
        return (match[1] if match else url) + "/"
    match = _VERSION_PART.match(url)
    return (match[1] if match else url) + "/"


def read_document(service: str, url: str, document: Any) -> Endpoint:
    """The endpoint with what its version document says; an unknown shape leaves the versions empty."""
    entries = []
    if isinstance(document, dict):
        found = document.get("versions") or document.get("version") or []
        if isinstance(found, dict):  # keystone: {"versions": {"values": [...]}}, nova: {"version": {...}}
            found = found.get("values", [found])
        entries = [entry for entry in found if isinstance(entry, dict)]
    if not entries:
        return Endpoint(service, url)
    newest = max(entries, key=lambda entry: parse(str(entry.get("id", "")).lstrip("v")))
    return Endpoint(
        service,
        url,
        minimum=str(newest.get("min_version") or ""),
        maximum=str(newest.get("max_version") or newest.get("version") or ""),
        version=str(newest.get("id", "")).lstrip("v"),
    )
