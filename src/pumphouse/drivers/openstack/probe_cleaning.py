"""Removes what probes that were wrongly let through have made: only a tenant's things whose names begin with the mark. Used by prober.py.

Everything is looked for anew each time, so it may be repeated after a crash at any point.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, InvalidInputError
from pumphouse.drivers.openstack.transport import Params, Transport
from pumphouse.ports.clock import Clock

SHORTEST_MARK: Final = 8
"""Characters; a shorter one might begin the name of something that is not ours."""
_GONE_S: Final = 60.0
_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """A list: `owner` is the parameter that narrows it to a tenant; rows of other tenants are dropped in any case."""

    word: str
    service: str
    path: str
    many: str
    owner: str = "project_id"
    owner_keys: tuple[str, ...] = ("project_id", "tenant_id")
    name_key: str = "name"
    listed: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    microversion: str = ""


_EVERYBODY: Final = {"all_tenants": "1"}
_KINDS: Final = (
    # those that hold others come first
    _Kind("server", "compute", "/servers", "servers", listed="/servers/detail", params=_EVERYBODY, microversion="2.1"),
    _Kind("server group", "compute", "/os-server-groups", "server_groups", owner="", params={"all_projects": "1"}, microversion="2.13"),
    _Kind("snapshot", "block-storage", "/snapshots", "snapshots", owner_keys=("os-extended-snapshot-attributes:project_id",),
          listed="/snapshots/detail", params=_EVERYBODY, microversion="3.0"),
    _Kind("volume", "block-storage", "/volumes", "volumes", owner_keys=("os-vol-tenant-attr:tenant_id",), listed="/volumes/detail",
          params=_EVERYBODY, microversion="3.0"),
    _Kind("floating IP", "network", "/floatingips", "floatingips", name_key="description"),
    _Kind("port", "network", "/ports", "ports"),
    _Kind("router", "network", "/routers", "routers"),
    _Kind("subnet", "network", "/subnets", "subnets"),
    _Kind("network", "network", "/networks", "networks"),
    _Kind("security group", "network", "/security-groups", "security_groups"),
    _Kind("image", "image", "/images", "images", owner="owner", owner_keys=("owner",), params={"visibility": "all"}),
)  # fmt: skip


class Cleaning:
    """Looks for marked things in one cloud, and deletes them."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._http = transport
        self._clock = clock

    def clean(self, tenant_id: str, mark: str) -> list[str]:
        """What was removed, in words.

        Raises:
            InvalidInputError: the mark is too short to be one.
            CloudFaultError: something is still there after a minute.
        """
        if len(mark) < SHORTEST_MARK:
            raise InvalidInputError(
                "mark", mark, f"shorter than {SHORTEST_MARK} characters", hint="it would fit others' things"
            )
        removed: list[str] = []
        deadline = self._clock.monotonic() + _GONE_S
        for kind in _KINDS:
            known: set[str] = set()
            while found := self._find(kind, tenant_id, mark):
                if self._clock.monotonic() > deadline:
                    left = ", ".join(f"{kind.word} {row['id']}" for row in found)
                    raise CloudFaultError(
                        f"{self._http.environment}: {left} of a probe could not be removed",
                        hint=f"delete it, or clean again: its name begins with {mark}",
                    )
                for row in found:
                    self._delete(kind, str(row["id"]))
                    if row["id"] not in known:
                        removed.append(f"{kind.word} {row['id']}")
                        known.add(row["id"])
                if found := self._find(kind, tenant_id, mark):
                    self._clock.sleep(_POLL_S)
        return removed

    def _find(self, kind: _Kind, tenant_id: str, mark: str) -> list[dict[str, Any]]:
        try:
            self._http.endpoint(kind.service)
        except CloudRefusedError:
            return []  # this cloud has no such service
        params: Params = {**kind.params, **({kind.owner: tenant_id} if kind.owner else {})}
        found = []
        for rows in self._http.pages(
            kind.service, kind.listed or kind.path, kind.many, params=params, microversion=kind.microversion
        ):
            found += [row for row in rows if _is_ours(kind, row, tenant_id, mark)]
        return found

    def _delete(self, kind: _Kind, id: str) -> None:
        try:
            self._http.delete(kind.service, f"{kind.path}/{id}", microversion=kind.microversion)
        except (CloudFaultError, CloudRefusedError):
            return  # not in a state to be deleted yet: it is found again, and tried again until the deadline


def _is_ours(kind: _Kind, row: Mapping[str, Any], tenant_id: str, mark: str) -> bool:
    owner = next((row[key] for key in kind.owner_keys if row.get(key)), None)
    return owner == tenant_id and str(row.get(kind.name_key) or "").startswith(mark)
