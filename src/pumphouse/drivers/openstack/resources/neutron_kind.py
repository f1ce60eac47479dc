"""What the drivers of all network kinds share: listing, bulk requests, tags, deletion. Each kind says in its own module how a row is read and written.

Neutron answers a write when the thing is there; there is nothing to wait for but what is still in use when it is deleted.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError, ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.batching import Batcher
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.transport import Params
from pumphouse.ports.resources import KindDriver

Row = dict[str, Any]
IDS_AT_ONCE: Final = 50
"""Ids of one list request, so that its URL stays below 4 KiB."""
_STAMPS: Final = ("created_at", "updated_at", "revision_number")
_IN_USE_S: Final = 20.0
"""How long a deletion is tried again while something lets go of the thing: Nova unbinds ports, and Neutron removes DHCP ports, after they have answered."""


class NeutronKind(KindDriver):
    """One kind of Neutron's in one cloud. A cloud whose Neutron has no such extension (404) has none of the kind."""

    kind: ResourceKind
    path: ClassVar[str]
    one: ClassVar[str]
    """key of one in a body"""
    many: ClassVar[str]
    """key of a list in a body"""
    tagged: ClassVar[bool] = True
    bulk: ClassVar[int] = 1
    """how many are made by one request at most"""
    lent: ClassVar[Params | None] = None
    """a filter for those of others that may stand for a wanted one: a kind that operators share with their tenants"""
    filters: ClassVar[Params] = {}
    """of every list"""
    of_all: ClassVar[Params] = {}
    """of the list of all that a tenant has, besides"""
    neutral: ClassVar[Mapping[str, Any]] = {}
    """attribute -> the value that is not sent for a new one, since a Neutron without the extension refuses even to hear of it"""
    fixed: ClassVar[frozenset[str]] = frozenset()
    """attributes that can be set only for a new one"""
    noted: ClassVar[tuple[str, ...]] = ()
    """keys of a row that are remembered as notes"""

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._clock = reach.clock
        self._new: Batcher[Row, Row] = Batcher(reach.clock, self._post, at_most=self.bulk)
        # a list is quick; who misses it asks again while the writes of the others keep Neutron busy
        self._known: Batcher[str, list[Row]] = Batcher(
            reach.clock, self._by_ids, at_most=IDS_AT_ONCE, at_first=IDS_AT_ONCE
        )

    # -- what each kind says

    @abstractmethod
    def _fields(self, row: Row) -> dict[str, Any]:
        """The fields of a row, without tags."""

    @abstractmethod
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes for these fields, which hold bare ids and need not be all; without name, tags and project."""

    def _ours(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Those rows that are of this kind; may look up what reading them needs."""
        return rows

    def _name(self, row: Row) -> str:
        return str(row.get("name") or "")

    def _remarks(self, row: Row) -> list[str]:
        """Sentences for the operator about what cannot be copied."""
        del row
        return []

    def _completed(self, id: str, fields: Mapping[str, Any]) -> None:
        """Make what takes further requests; `fields` hold bare ids."""

    # -- the port

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        if not tenant_id:  # not made yet: what belongs to nobody is not its
            return []
        rows = self._listed({**self.of_all, "project_id": tenant_id})
        return self._resources(row for row in rows if owner_of(row) == tenant_id)

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        if len(ids) == 1:
            return self._resources(self._known.ask(ids[0]))
        return self._resources(row for rows in self._by_ids(ids) for row in rows)

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = {each.name for each in wanted}
        found = [each for each in self.of_tenant(tenant_id) if each.name in names]
        asked = sorted(names - {""})
        if self.lent is None or not asked:
            return found
        others = [row for row in self._listed({**self.lent, "name": asked}) if owner_of(row) != tenant_id]
        return [*found, *self._resources(others)]

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        bare = plain(fields)
        body = {key: value for key, value in self._body(bare).items() if not self._is_neutral(key, value)}
        made = str(self._made({**body, **self._titled(name), "project_id": tenant_id})["id"])
        if self.tagged and bare.get("tags"):
            self._tag(made, bare["tags"])
        self._completed(made, bare)
        return made

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        bare = plain(fields)
        body = {key: value for key, value in self._body(bare).items() if key not in self.fixed}
        if body:
            self._write("PUT", f"{self.path}/{id}", {self.one: body})
        if self.tagged and "tags" in bare:
            self._tag(id, bare["tags"])
        self._completed(id, bare)

    @override
    def delete(self, id: str) -> None:
        deadline = self._clock.monotonic() + _IN_USE_S
        while True:
            try:
                self._remove(id)
            except BusyError as busy:
                if self._clock.monotonic() > deadline:
                    raise ConflictError(busy.message, hint="remove what uses it, then try again") from None
                self._clock.sleep(1.0)
            else:
                return

    # -- inside

    def _remove(self, id: str) -> None:
        self._http.delete("network", f"{self.path}/{id}")

    def _is_neutral(self, key: str, value: Any) -> bool:
        return key in self.neutral and value == self.neutral[key]

    def _titled(self, name: str) -> dict[str, str]:
        return {"name": name}

    def _made(self, body: Row) -> Row:
        try:
            # one by one nobody waits for the others
            return self._new.ask(body) if self.bulk > 1 else self._post([body])[0]
        except BusyError as busy:
            raise ConflictError(busy.message, hint="look at what excludes it in the destination") from None

    def _post(self, bodies: Sequence[Row]) -> Sequence[Row]:
        if len(bodies) == 1:
            return [self._http.write("network", "POST", self.path, json={self.one: bodies[0]})[self.one]]
        made: list[Row] = self._http.write("network", "POST", self.path, json={self.many: list(bodies)})[
            self.many
        ]
        if [row.get("name") for row in made] != [body.get("name") for body in bodies]:
            # nobody may get another's id
            raise CloudFaultError(
                f"{self.path} answered a bulk request in another order",
                hint="try again: what was made is looked for first",
            )
        return made

    def _write(self, method: str, path: str, body: Any) -> Any:
        try:
            return self._http.write("network", method, path, json=body)
        except BusyError as busy:
            raise ConflictError(busy.message, hint="look at what excludes it in the destination") from None

    def _tag(self, id: str, tags: Sequence[str]) -> None:
        """Replaces all tags; the same in every release since Pike (update_all in neutron/extensions/tagging.py)."""
        self._write("PUT", f"/{self.many.replace('_', '-')}/{id}/tags", {"tags": list(tags)})

    def _listed(self, params: Params) -> list[Row]:
        try:
            return self._http.rows("network", self.path, self.many, params={**self.filters, **params})
        except NotFoundError:
            return []

    def _by_ids(self, ids: Sequence[str]) -> Sequence[list[Row]]:
        """For each id its row, or none."""
        wanted = list(dict.fromkeys(ids))
        rows = [
            row
            for at in range(0, len(wanted), IDS_AT_ONCE)
            for row in self._listed({"id": wanted[at : at + IDS_AT_ONCE]})
        ]
        found = {str(row["id"]): row for row in rows}
        return [[found[each]] if each in found else [] for each in ids]

    def _resources(self, rows: Iterable[Row]) -> list[Resource]:
        return [self._resource(row) for row in self._ours(list(rows))]

    def _resource(self, row: Row) -> Resource:
        fields = self._fields(row)
        if self.tagged:
            fields["tags"] = sorted(row.get("tags") or [])
        name = self._name(row)
        notes = {key: row.get(key) for key in (*self.noted, *_STAMPS) if key in row}
        remarks = self._remarks(row)
        if remarks:
            notes["remarks"] = remarks
        return Resource(
            kind=self.kind,
            id=self._id(row),
            name=name,
            fields=fields,
            notes=notes,
            # Neutron's revision_number moves when a server is merely stopped
            version=digest({"name": name, "fields": fields}),
            owner=owner_of(row),
        )

    def _id(self, row: Row) -> str:
        return str(row["id"])


def owner_of(row: Mapping[str, Any]) -> str:
    """The project that owns it, "" for none (gateways)."""
    return str(row.get("project_id") or row.get("tenant_id") or "")


def picked(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named fields that are there, as they are."""
    return {name: fields[name] for name in names if name in fields}


def renamed(fields: Mapping[str, Any], **attributes: str) -> dict[str, Any]:
    """field=attribute: those of the fields that are there, by what the API calls them."""
    return {attribute: fields[name] for name, attribute in attributes.items() if name in fields}


def ordered(rows: Iterable[Mapping[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Only these keys of each, sorted by them: lists that have no order of their own."""
    made = [{key: row.get(key) for key in keys} for row in rows]
    return sorted(made, key=lambda row: [str(row[key]) for key in keys])
