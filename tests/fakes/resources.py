"""Clouds of a tenant's resources in memory, of all kinds, for tests of the migration. Each call has a point before it and one after it (`between`), where a test
lets the process die, or the cloud fail.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, ConflictError, NotFoundError
from pumphouse.domain.resource import ORDER, Inventory, Resource, ResourceKind, ref, refs, split_ref
from pumphouse.ports.clock import Clock
from pumphouse.ports.resources import HasSecret, KindDriver, Resources, Secret

K = ResourceKind
OF_CLOUD: Final = frozenset(
    {K.DOMAIN, K.ROLE, K.GROUP, K.USER, K.FLAVOR, K.KEYPAIR, K.VOLUME_TYPE, K.ZONE, K.EXTERNAL_NETWORK, K.EXTERNAL_SUBNET}
)  # fmt: skip
"""Kinds that belong to no tenant."""
UNIQUE: Final = {
    K.PROJECT: "domain",
    K.USER: "domain",
    K.GROUP: "domain",
    K.ROLE: "",
    K.FLAVOR: "",
    K.KEYPAIR: "user",
}
"""Kinds of which the cloud has one of each name, within a field."""
EGRESS: Final = [{"direction": "egress", "remote_group": None}]


class FakeResources(Resources):
    """One cloud. `things` is by key, `data` holds the bytes of images and volumes."""

    def __init__(self, environment: str, clock: Clock) -> None:
        self.environment = environment
        self.clock = clock
        self.things: dict[str, Resource] = {}
        self.data: dict[str, bytes] = {}
        self.secrets: dict[str, str] = {}
        """of EC2 credentials, by key; ids are the same in every cloud"""
        self.inside: set[str] = set()
        self.limits: Mapping[str, Any] = {}
        self.lossy: dict[ResourceKind, str] = {}
        """kind -> a field that this cloud quietly does not keep"""
        self.between: Callable[[str], None] = lambda where: None
        self.calls: list[str] = []
        self.lock = threading.RLock()

    def add(
        self, kind: ResourceKind, name: str, owner: str = "", *, id: str = "", data: bytes = b"", **fields: Any
    ) -> Resource:  # fmt: skip
        """Put one there, as if it had always been there."""
        made = Resource(
            kind, id or self.clock.new_id(), name, fields, {"created_at": "2020-01-01T00:00:00"}, "1", len(data), owner
        )  # fmt: skip
        self.things[made.key] = made
        if data:
            self.data[made.key] = data
        self._born_with(made)
        return made

    def change(self, key: str, **fields: Any) -> None:
        """Somebody changes it."""
        present = self.things[key]
        version = str(int(present.version) + 1)
        self.things[key] = replace(present, fields={**present.fields, **fields}, version=version)

    def snapshot(self) -> Mapping[str, Any]:
        """Everything that there is; versions and times left out."""
        with self.lock:
            things = {key: (r.name, dict(r.fields), r.owner) for key, r in self.things.items()}
            return {"things": things, "data": dict(self.data), "inside": set(self.inside)}

    def made(self, kind: ResourceKind) -> list[Resource]:
        """All of a kind."""
        return [each for each in self.things.values() if each.kind is kind]

    @override
    def inventory(self, tenant_id: str, kinds: Collection[ResourceKind] = ()) -> Inventory:
        self.point(f"inventory {tenant_id}")
        if f"{K.PROJECT}/{tenant_id}" not in self.things:
            raise NotFoundError("tenant", tenant_id)
        with self.lock:
            own = {key: r for key, r in self.things.items() if r.owner == tenant_id}
            found = {key: r for key, r in own.items() if not kinds or r.kind in kinds}
            fresh = list(found.values())
            while fresh:
                targets = {t for each in fresh for t in refs(each.fields)} - set(found)
                fresh = [self.things[t] for t in targets if t in self.things]
                found.update((each.key, each) for each in fresh)
            people = {f"{each.key}" for each in found.values() if each.kind is K.USER}
            keys = [r for r in self.made(K.KEYPAIR) if set(refs(r.fields)) & people]
            found.update((each.key, each) for each in keys)
        ordered = sorted(found.values(), key=lambda r: (ORDER[r.kind], r.name, r.id))
        return Inventory(self.environment, tenant_id, self.clock.now(), ordered, ())

    @override
    def kind(self, kind: ResourceKind) -> "FakeKind":
        return FakeSecrets(self, kind) if kind is K.EC2_KEY else FakeKind(self, kind)

    @override
    def expect(self) -> None:
        """There is nothing to wait for."""

    @override
    def candidates(
        self, tenant_id: str, wanted: Mapping[ResourceKind, Sequence[Resource]]
    ) -> Mapping[ResourceKind, Sequence[Resource]]:
        return {kind: self.kind(kind).candidates(tenant_id, each) for kind, each in wanted.items()}

    @override
    def read(self, kind: ResourceKind, id: str) -> Resource | None:
        return next(iter(self.kind(kind).named([id])), None)

    @override
    def is_inside(self, tenant_id: str) -> bool:
        return tenant_id in self.inside

    @override
    def leave(self, tenant_id: str) -> None:
        self.inside.discard(tenant_id)

    @override
    def room(self, tenant_id: str) -> Mapping[str, Any]:
        return self.limits

    def point(self, where: str) -> None:
        """A call begins or ends."""
        self.between(f"{self.environment}: {where}")

    def _born_with(self, made: Resource) -> None:
        """What a cloud makes by itself beside something."""
        if made.kind is K.PROJECT:
            self.add(K.SECURITY_GROUP, "default", made.id, description="Default", tags=[])
        elif made.kind is K.SECURITY_GROUP:
            group = ref(K.SECURITY_GROUP, made.id)
            self.add(
                K.SECURITY_GROUP_RULES, made.name, made.owner, id=made.id, security_group=group, rules=EGRESS
            )
        elif made.kind is K.ROUTER:
            router = ref(K.ROUTER, made.id)
            self.add(K.ROUTER_ROUTES, made.name, made.owner, id=made.id, router=router, routes=[])


class FakeKind(KindDriver):
    """One kind in one of them."""

    def __init__(self, cloud: FakeResources, kind: ResourceKind) -> None:
        self.kind = kind
        self._cloud = cloud

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        with self._cloud.lock:
            return [r for r in self._cloud.made(self.kind) if r.owner == tenant_id]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        self._cloud.point(f"read {self.kind}")
        wanted = {f"{self.kind}/{each}" for each in ids}
        with self._cloud.lock:
            return [self._cloud.things[key] for key in sorted(wanted) if key in self._cloud.things]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = {each.name for each in wanted}
        if self.kind is K.KEYPAIR:
            users = {target for each in wanted for target in refs(each.fields)}
            with self._cloud.lock:
                return [r for r in self._cloud.made(self.kind) if users & set(refs(r.fields))]
        with self._cloud.lock:
            return [
                r
                for r in self._cloud.made(self.kind)
                if (r.name in names and r.owner in ("", tenant_id, r.id)) or (self.kind in OF_CLOUD)
            ]

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        cloud = self._cloud
        cloud.point(f"before create {self.kind} {name}")
        with cloud.lock:
            for target in refs(fields):
                if target not in cloud.things:
                    raise CloudRefusedError(f"there is no {target} in {cloud.environment}")
            self._refuse_second(name, fields)
            cloud.calls.append(f"create {self.kind} {name}")
            made = self._made(tenant_id, name, fields)
        cloud.point(f"after create {self.kind} {name}")
        return made.id

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        cloud = self._cloud
        cloud.point(f"before update {self.kind}")
        with cloud.lock:
            if f"{self.kind}/{id}" not in cloud.things:
                raise NotFoundError(str(self.kind), id)
            cloud.calls.append(f"update {self.kind}")
            cloud.change(f"{self.kind}/{id}", **fields)
        cloud.point(f"after update {self.kind}")

    @override
    def delete(self, id: str) -> None:
        cloud, key = self._cloud, f"{self.kind}/{id}"
        cloud.point(f"before delete {self.kind}")
        with cloud.lock:
            if key in cloud.things:
                self._refuse_used(key)
                cloud.calls.append(f"delete {self.kind}")
                for part in (key, *self._parts(id)):
                    cloud.things.pop(part, None)
                    cloud.data.pop(part, None)
                if self.kind is K.PROJECT:
                    # Keystone forgets the roles in a project with the project
                    cloud.inside.discard(id)
        cloud.point(f"after delete {self.kind}")

    def _made(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> Resource:
        cloud = self._cloud
        owner = "" if self.kind in OF_CLOUD or self.kind is K.PROJECT else tenant_id
        known = f"{name}/{tenant_id}" if self.kind is K.QUOTA else ""
        kept = {n: v for n, v in fields.items() if n != cloud.lossy.get(self.kind)}
        made = cloud.add(self.kind, name, owner, id=known, **kept)
        made = replace(made, notes={"created_at": cloud.clock.now().isoformat()})
        if self.kind is K.PROJECT:
            made = replace(made, owner=made.id)
        if self.kind in (K.SERVER, K.VOLUME):
            cloud.inside.add(tenant_id)
        cloud.things[made.key] = made
        return made

    def _refuse_second(self, name: str, fields: Mapping[str, Any]) -> None:
        if self.kind not in UNIQUE:
            return
        scope = UNIQUE[self.kind]
        for each in self._cloud.made(self.kind):
            if each.name == name and each.fields.get(scope) == fields.get(scope):
                raise ConflictError(f"{self.kind} {name} exists in {self._cloud.environment}")

    def _refuse_used(self, key: str) -> None:
        own = set(self._parts(split_ref(key)[1]))
        for other in self._cloud.things.values():
            # a service that is asked to forget a project does not ask the others, rules go with the groups that they name, and Glance does not know what
            # the property kernel_id of an image means
            kernel = self.kind is other.kind is K.IMAGE
            weak = self.kind is K.PROJECT or other.kind is K.SECURITY_GROUP_RULES or kernel
            if other.key not in own and other.key != key and not weak and key in set(refs(other.fields)):
                raise ConflictError(f"{key} is in use by {other.key}")

    def _parts(self, id: str) -> list[str]:
        parts = {K.SECURITY_GROUP: K.SECURITY_GROUP_RULES, K.ROUTER: K.ROUTER_ROUTES}
        return [f"{parts[self.kind]}/{id}"] if self.kind in parts else []


class FakeSecrets(FakeKind, HasSecret):
    """Things that have a secret."""

    @override
    def secret(self, id: str) -> Secret:
        return Secret(self._cloud.secrets[f"{self.kind}/{id}"])

    @override
    def create_with(self, tenant_id: str, name: str, fields: Mapping[str, Any], secret: Secret) -> str:
        cloud, known = self._cloud, f"id-of-{name}"
        cloud.point(f"before create {self.kind} {name}")
        with cloud.lock:
            cloud.calls.append(f"create {self.kind} {name}")
            cloud.add(self.kind, name, tenant_id, id=known, **fields)
            cloud.secrets[f"{self.kind}/{known}"] = secret.text
        cloud.point(f"after create {self.kind} {name}")
        return known
