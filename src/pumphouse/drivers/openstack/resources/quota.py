"""Limits of the tenant in Nova, Neutron and Cinder. One resource per service, its id SERVICE/TENANT_ID, its name the service.

Fields:
* `limits`: name -> number, -1 for unlimited. `of_tenant` gives only those that differ from the cloud's defaults: only these are set in the destination, the others
  follow its own defaults; `named` and `candidates` give all that hold, as a limit may be reached by a default, too
* `by_type`: of Cinder, its limits per volume type: list of `{"type": reference to a volume type, "name": "volumes" | "gigabytes" | "snapshots", "limit": number}`,
  sorted; of others []

Notes: by the API's names, `effective`, all limits as they hold, and `defaults`; of Cinder `types`, name -> id of its volume types. Nova is asked at 2.57, which left out what only nova-network and file injection had. Limits below what
is used are set as well (`force` of Nova), as they were the operator's will in the source.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError, NotFoundError
from pumphouse.domain.resource import REF, Resource, ResourceKind, ref, split_ref
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_quotas import QuotaSets
from pumphouse.ports.resources import KindDriver


class _Form(NamedTuple):
    service: str
    path: str
    key: str
    defaults: str
    microversion: str = ""


_FORMS: Final[Mapping[str, _Form]] = {
    "nova": _Form("compute", "/os-quota-sets", "quota_set", "defaults", "2.57"),
    "neutron": _Form("network", "/quotas", "quota", "default"),
    "cinder": _Form("block-storage", "/os-quota-sets", "quota_set", "defaults"),
}
_PER_TYPE: Final = ("volumes", "snapshots", "gigabytes")
"""Cinder names a limit of one type NAME_TYPE (cinder/quota.py, VolumeTypeResource)."""
_Limits = dict[str, int]


class Quotas(KindDriver):
    """Quotas of one cloud."""

    kind = ResourceKind.QUOTA

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._sets = QuotaSets(reach.http)

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        offered = [name for name, form in _FORMS.items() if self._http.offers(form.service)]
        return self._http.gather([partial(self._read, each, tenant_id, own_only=True) for each in offered])

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = [split_quota(each) for each in ids]
        offered = [pair for pair in wanted if self._http.offers(_FORMS[pair[0]].service)]
        return self._http.gather([partial(self._read, *pair, own_only=False) for pair in offered])

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.named([f"{each.name}/{tenant_id}" for each in wanted]) if tenant_id else []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        """Every project has quotas: making them is setting them."""
        if name not in _FORMS or not self._http.offers(_FORMS[name].service):
            raise NotFoundError("service", name)
        self.update(f"{name}/{tenant_id}", fields)
        return f"{name}/{tenant_id}"

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        service, tenant_id = split_quota(id)
        limits = dict(fields.get("limits") or {})
        if fields.get("by_type"):
            names = {type_id: name for name, type_id in self._types().items()}
            limits |= {
                f"{row['name']}_{names[split_ref(row['type'][REF])[1]]}": row["limit"]
                for row in fields["by_type"]
            }
        self._sets.set(service, tenant_id, limits)

    @override
    def delete(self, id: str) -> None:
        """Back to the cloud's defaults."""
        service, tenant_id = split_quota(id)
        form = _FORMS[service]
        self._http.delete(
            form.service, f"{form.path}/{quote(tenant_id, safe='')}", microversion=form.microversion
        )

    def _read(self, service: str, tenant_id: str, *, own_only: bool) -> Resource:
        effective, defaults = (
            self._limits(service, tenant_id),
            self._limits(service, tenant_id, defaults=True),
        )
        shown = {
            name: limit for name, limit in effective.items() if not own_only or limit != defaults.get(name)
        }
        types = self._types() if service == "cinder" else {}
        by_type, limits = [], {}
        for name, limit in sorted(shown.items()):
            what, _, type_name = name.partition("_")
            if what in _PER_TYPE and type_name in types:
                by_type.append(
                    {"type": ref(ResourceKind.VOLUME_TYPE, types[type_name]), "name": what, "limit": limit}
                )
            else:
                limits[name] = limit
        fields = {
            "limits": limits,
            "by_type": sorted(by_type, key=lambda row: (str(row["type"]), str(row["name"]))),
        }
        return Resource(
            kind=ResourceKind.QUOTA,
            id=f"{service}/{tenant_id}",
            name=service,
            fields=fields,
            notes={"effective": effective, "defaults": defaults, "types": types},
            version=digest(effective),
            owner=tenant_id,
        )

    def _limits(self, service: str, tenant_id: str, *, defaults: bool = False) -> _Limits:
        form = _FORMS[service]
        path = f"{form.path}/{quote(tenant_id, safe='')}{'/' + form.defaults if defaults else ''}"
        body = self._http.get(form.service, path, microversion=form.microversion)[form.key]
        return {str(name): int(value) for name, value in body.items() if isinstance(value, int)}

    def _types(self) -> dict[str, str]:
        """Name -> id of all volume types, private ones too."""
        rows = self._http.rows("block-storage", "/types", "volume_types", params={"is_public": "None"})
        return {str(row["name"]): str(row["id"]) for row in rows}


def split_quota(id: str) -> tuple[str, str]:
    """`nova/TENANT_ID` -> both."""
    service, _, tenant_id = id.partition("/")
    if service not in _FORMS or not tenant_id:
        raise InvalidInputError(
            "quota", id, f"SERVICE/TENANT_ID was expected, with one of {', '.join(_FORMS)}"
        )
    return service, tenant_id
