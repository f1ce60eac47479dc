"""`ports.settings` on a real OpenStack cloud, from 2023.1 to 2026.2: every setting that its APIs tell, and the contents that belong to it. Made by `main`.

Each section has its table (settings_network.py, ...): what is asked, and from which answers each key is told. The number of requests is that of
the tables, plus pages, plus what can only be asked per thing, each bounded where it stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.confidential import clean
from pumphouse.domain.errors import CloudRefusedError, InvalidInputError, PumphouseError
from pumphouse.domain.settings import Setting
from pumphouse.drivers.openstack import (
    endpoints,
    settings_compute,
    settings_identity,
    settings_network,
    settings_storage,
)
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.releases import UNKNOWN, release_of
from pumphouse.drivers.openstack.settings_answers import Answer, Asked, answers
from pumphouse.drivers.openstack.settings_storage import per_type
from pumphouse.drivers.openstack.settings_table import Tell
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock
from pumphouse.ports.settings import SettingsReader

KINDS: Final[Mapping[str, str]] = {
    "flavor": "contents.flavors",
    "volume_type": "contents.volume_types",
    "image": "contents.images",
    "aggregate": "contents.aggregates",
    "external_network": "contents.external_networks",
    "role": "contents.roles",
    "domain": "contents.domains",
}
"""Kinds of contents and their keys; `quota` beside them has the keys `quota.*`."""

_ASKED: Final[Asked] = {
    **settings_network.ASKED,
    **settings_storage.ASKED,
    **settings_compute.ASKED,
    **settings_identity.ASKED,
}
_TOLD: Final[tuple[Tell, ...]] = (
    *settings_network.TOLD,
    *settings_storage.TOLD,
    *settings_compute.TOLD,
    *settings_identity.TOLD,
)
_UNTOLD: Final = (*settings_network.UNTOLD, *settings_compute.UNTOLD)
_QUOTAS: Final = {"nova": "nova_quotas", "cinder": "cinder_quotas", "neutron": "neutron_quotas"}
_FORMER: Final = {"volume": "block-storage", "volumev2": "block-storage", "volumev3": "block-storage"}


class OpenStackSettings(SettingsReader):
    """One cloud. Nothing is asked of it before the first call."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._http = Transport(environment, settings, clock, identity)
        self._clock = clock

    def close(self) -> None:
        """Give back threads and connections."""
        self._http.close()

    @override
    def read(self) -> Sequence[Setting]:
        # a cloud that is dead or refuses us fails here, at once and as a whole
        catalog = self._http.catalog()
        nova = self._http.endpoint("compute")
        found = answers(self._http, _ASKED, list(_ASKED))
        at = self._clock.now()
        settings = [
            *_release(nova, found["extensions"], at),
            *self._services(catalog, at),
            *(told for one in _TOLD if (told := one.setting(found, at)) is not None),
            *(untold.setting(at) for untold in _UNTOLD),
            *_quotas(found, at),
        ]
        return sorted(settings, key=lambda setting: setting.key)

    def contents(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """As `Furnisher.contents`. The rows of `quota` are `{"name": SERVICE, "limits": {...}}`.

        Raises:
            InvalidInputError: there is no such kind.
            CloudRefusedError: the cloud does not tell them; says why.
        """
        if kind == "quota":
            return self._quota_rows()
        if kind not in KINDS:
            raise InvalidInputError(
                "kind", kind, "no such contents", hint=f"one of {', '.join([*KINDS, 'quota'])}"
            )
        tell = next(one for one in _TOLD if one.key == KINDS[kind])
        found = tell.setting(answers(self._http, _ASKED, tell.needs), self._clock.now())
        if found is None:
            return []
        if not found.known:
            raise CloudRefusedError(f"{self.environment} does not tell its {kind} contents: {found.source}")
        rows: Sequence[Mapping[str, Any]] = found.value
        return rows

    def _quota_rows(self) -> list[Mapping[str, Any]]:
        found = answers(self._http, _ASKED, [*_QUOTAS.values(), "volume_types"])
        rows: dict[str, dict[str, Any]] = {}
        for setting in _quotas(found, self._clock.now()):
            if not setting.known:
                raise CloudRefusedError(f"{self.environment} does not tell its quotas: {setting.source}")
            _, service, name = setting.key.split(".", 2)
            rows.setdefault(service, {})[name] = setting.value
        return [{"name": service, "limits": limits} for service, limits in sorted(rows.items())]

    def _services(self, catalog: Sequence[Mapping[str, Any]], at: datetime) -> Iterator[Setting]:
        source = "keystone: catalog of our token"
        region = self._http.settings.region
        by_type: dict[str, Mapping[str, Any]] = {}
        for entry in sorted(catalog, key=lambda each: str(each["type"])):
            # an entry of the official type comes before those kept for old clients
            by_type.setdefault(_FORMER.get(entry["type"], str(entry["type"])), entry)
        yield Setting("service.types", sorted(by_type), source, at)
        yield Setting("service.region", region, "clouds.yaml: region_name", at, known=region is not None)
        for kind, entry in by_type.items():
            urls = {
                each["interface"]: each["url"]
                for each in entry.get("endpoints", ())
                if region in (None, each.get("region_id"), each.get("region"))
            }
            yield Setting(f"service.{kind}.name", entry.get("name", ""), source, at)
            yield Setting(f"service.{kind}.endpoints", clean(dict(sorted(urls.items()))), source, at)
            if kind in endpoints.SERVICES:
                yield from self._spoken(kind, at)

    def _spoken(self, kind: str, at: datetime) -> Iterator[Setting]:
        source = f"{kind}: version document"
        try:
            spoken = self._http.endpoint(kind)
        except PumphouseError as error:
            yield Setting(f"service.{kind}.version", None, error.message, at, known=False)
            return
        yield Setting(f"service.{kind}.version", spoken.version, source, at)
        if spoken.maximum:
            yield Setting(f"service.{kind}.min_microversion", spoken.minimum, source, at)
            yield Setting(f"service.{kind}.max_microversion", spoken.maximum, source, at)


def _release(nova: endpoints.Endpoint, extensions: Answer, at: datetime) -> list[Setting]:
    aliases = [] if extensions.failure else [row["alias"] for row in extensions.value]
    release, candidates = release_of(nova.maximum, aliases)
    source = f"nova: highest microversion {nova.maximum}, {extensions.source}"
    return [
        Setting(
            "release.name",
            None if release == UNKNOWN else release,
            source,
            at,
            known=release != UNKNOWN,
        ),
        Setting("release.candidates", list(candidates), source, at),
    ]


def _quotas(found: Mapping[str, Answer], at: datetime) -> Iterator[Setting]:
    """Limits of single volume types are not among them: see `storage.cinder.type_quotas`."""
    types = found.get("volume_types")
    for service, name in _QUOTAS.items():
        answer = found.get(name)
        if answer is None:
            continue
        if answer.failure:
            yield Setting(f"quota.{service}", None, answer.failure, at, known=False)
            continue
        left_out = per_type(answer.value, types.value or []) if service == "cinder" and types else {}
        for limit, value in sorted(answer.value.items()):
            if isinstance(value, int) and limit not in left_out:
                yield Setting(f"quota.{service}.{limit}", value, answer.source, at)
