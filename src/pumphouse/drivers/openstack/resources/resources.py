"""`ports.resources.Resources` on a real OpenStack cloud; the toolbox makes one per environment. It knows no kind: those stand in table.py."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import ORDER, Inventory, Resource, ResourceKind, refs, split_ref
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.once import carried, reading_once
from pumphouse.drivers.openstack.resources.reach import Insides, Reach
from pumphouse.drivers.openstack.resources.room import Room
from pumphouse.drivers.openstack.resources.table import DRIVERS, SERVICE_OF
from pumphouse.drivers.openstack.resources.unmoved import Unmoved
from pumphouse.drivers.openstack.tenant_projects import Projects
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock
from pumphouse.ports.resources import KindDriver, Refers, Resources

T = TypeVar("T")
_KINDS_AT_ONCE: Final = 8
"""Kinds read side by side; each may start requests of its own in the transport's pool, which is as wide as the operator allows."""


class OpenStackResources(Resources):
    """What tenants have in one cloud. Safe for use by many threads."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._clock = clock
        self._http = Transport(environment, settings, clock, identity)
        self._projects = Projects(self._http)
        self._insides = Insides(self._http, clock)
        reach = Reach(self._http, clock, self._insides.of)
        self._drivers: Mapping[ResourceKind, KindDriver] = {
            kind: make(reach) for kind, make in DRIVERS.items()
        }
        self._room = Room(self._http)
        self._unmoved = Unmoved(self._http)
        # not the transport's pool: a call in that never waits for another, and drivers gather in it
        self._pool = ThreadPoolExecutor(_KINDS_AT_ONCE, thread_name_prefix=f"kinds-{environment}")

    def close(self) -> None:
        """Give back threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._insides.close()
        self._http.close()

    @override
    def inventory(self, tenant_id: str, kinds: Collection[ResourceKind] = ()) -> Inventory:
        with reading_once():
            return self._inventory(tenant_id, kinds)

    def _inventory(self, tenant_id: str, kinds: Collection[ResourceKind]) -> Inventory:
        read_at = self._clock.now()
        tenant = self._projects.lineage(tenant_id).tenant
        drivers = [driver for driver in self._present() if not kinds or driver.kind in kinds]
        unmoved = None if kinds else self._pool.submit(carried(partial(self._unmoved.sentences, tenant.id)))
        own = self._side_by_side([partial(driver.of_tenant, tenant.id) for driver in drivers])
        found = {resource.key: resource for resource in own}
        missing = self._follow(found)
        return Inventory(
            environment=self.environment,
            tenant_id=tenant.id,
            read_at=read_at,
            resources=sorted(found.values(), key=lambda each: (ORDER[each.kind], each.name, each.id)),
            gaps=[*missing, *(unmoved.result() if unmoved else ())],
        )

    @override
    def kind(self, kind: ResourceKind) -> KindDriver:
        driver = self._drivers.get(kind)
        if driver is None or not self._http.offers(SERVICE_OF[kind]):
            raise NotFoundError("service", f"for {kind} in environment {self.environment}")
        return driver

    @override
    def expect(self) -> None:
        # nobody looks at what came of it: whoever asks first would meet the same error, and has more patience
        self._pool.submit(self._http.services)

    @override
    def candidates(
        self, tenant_id: str, wanted: Mapping[ResourceKind, Sequence[Resource]]
    ) -> Mapping[ResourceKind, Sequence[Resource]]:
        with reading_once():
            found = self._each(
                [partial(self._candidates, kind, tenant_id, each) for kind, each in wanted.items()]
            )
        return dict(zip(wanted, found, strict=True))

    @override
    def read(self, kind: ResourceKind, id: str) -> Resource | None:
        return next((each for each in self.kind(kind).named([id]) if each.id == id), None)

    @override
    def is_inside(self, tenant_id: str) -> bool:
        return self._insides.is_inside(tenant_id)

    @override
    def leave(self, tenant_id: str) -> None:
        self._insides.leave(tenant_id)

    @override
    def room(self, tenant_id: str) -> Mapping[str, Any]:
        return self._room.of(tenant_id)

    def _present(self) -> list[KindDriver]:
        return [driver for kind, driver in self._drivers.items() if self._http.offers(SERVICE_OF[kind])]

    def _follow(self, found: dict[str, Resource]) -> list[str]:
        """Add what the found things refer to, and what that refers to; answers a sentence for each that is not there any more."""
        owners: dict[str, str] = {}
        fresh: Sequence[Resource] = list(found.values())
        while fresh:
            pointed = {target: _title(resource) for resource in fresh for target in refs(resource.fields)}
            unknown = {t: owner for t, owner in pointed.items() if t not in found and t not in owners}
            owners |= unknown
            wanted: dict[ResourceKind, list[str]] = defaultdict(list)
            for target in unknown:
                kind, name = split_ref(target)
                wanted[kind].append(name)
            fresh = self._side_by_side([partial(self._referred, kind, ids) for kind, ids in wanted.items()])
            found.update((resource.key, resource) for resource in fresh)
        return [
            f"{owner} refers to {target}, which cannot be read: it no longer exists, or its kind is not known here"
            for target, owner in owners.items()
            if target not in found
        ]

    def _referred(self, kind: ResourceKind, ids: Sequence[str]) -> Sequence[Resource]:
        try:
            driver = self.kind(kind)
        except NotFoundError:
            return []
        return driver.referred(ids) if isinstance(driver, Refers) else driver.named(ids)

    def _candidates(
        self, kind: ResourceKind, tenant_id: str, wanted: Sequence[Resource]
    ) -> Sequence[Resource]:
        try:
            return self.kind(kind).candidates(tenant_id, wanted)
        except NotFoundError:
            return []

    def _side_by_side(self, calls: Sequence[Callable[[], Sequence[Resource]]]) -> list[Resource]:
        return [resource for answer in self._each(calls) for resource in answer]

    def _each(self, calls: Sequence[Callable[[], Sequence[Resource]]]) -> list[Sequence[Resource]]:
        futures = [self._pool.submit(carried(call)) for call in calls]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def _title(resource: Resource) -> str:
    return f"{resource.kind} {resource.name or resource.id}"
