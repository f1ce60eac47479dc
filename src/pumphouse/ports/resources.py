"""What the migration of a tenant asks of a cloud: reading all that a tenant has, making it, removing it. Implemented by drivers/openstack/resources/.

One `Resources` per environment; inside, one `KindDriver` per kind, all of the same shape. Safe for use by many threads; errors as in ports/cloud.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pumphouse.domain.resource import Inventory, Resource, ResourceKind


class KindDriver(Protocol):
    """One kind of resource in one cloud. `create` and `find` speak in a resource's own `fields`, whose references name things of this same cloud."""

    kind: ResourceKind

    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        """All of this kind that the tenant owns; one request per page, never one per thing. Empty for kinds that belong to the cloud."""
        ...

    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """Those of these ids, whoever owns them, as far as they still exist: what the tenant's things refer to."""
        ...

    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        """What may already stand for one of `wanted` here: things of the tenant, and of the cloud where the kind belongs to it; by name, never by chance.
        The workflow decides, this only looks.
        """
        ...

    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        """Make one and wait until the cloud says that it is there (not for data); answers its id. Calls that come at the same time may be sent as one
        request.

        Raises:
            ConflictError: the cloud has something that excludes it; NotPossibleError-like refusals come as CloudRefusedError with the cloud's words.
        """
        ...

    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Bring these fields to these values; for what is adopted, and for what can only be set later (routes, the description of a default group)."""
        ...

    def delete(self, id: str) -> None:
        """Remove it and wait until it is gone; an unknown one is no error.

        Raises:
            ConflictError: something still uses it.
        """
        ...


@runtime_checkable
class Refers(KindDriver, Protocol):
    """A kind of which an inventory shows less when it is only referred to (a user outside of the tenant, without his groups)."""

    def referred(self, ids: Sequence[str]) -> Sequence[Resource]:
        """As `named`, but only what an inventory has of it."""
        ...


@runtime_checkable
class HeldBy(KindDriver, Protocol):
    """A kind that belongs to a tenant by way of the assignments on it: people and what is theirs."""

    def held_by(self, tenant_id: str, holders: Sequence[str]) -> Sequence[Resource]:
        """As `of_tenant`, for these users and groups (as KIND/ID) instead of those that hold roles now: a fence may have taken them away."""
        ...


@dataclass(frozen=True, slots=True)
class Secret:
    """What is in no field, record or log, and never in `repr`."""

    text: str = field(repr=False)


@runtime_checkable
class HasSecret(KindDriver, Protocol):
    """Things that cannot be made without a secret, which the source's driver tells to the destination's."""

    def secret(self, id: str) -> Secret:
        """That of one thing.

        Raises:
            NotFoundError: it is gone.
        """
        ...

    def create_with(self, tenant_id: str, name: str, fields: Mapping[str, Any], secret: Secret) -> str:
        """As `create`; one that is there already with the same secret is the one that was wanted."""
        ...


class Resources(Protocol):
    """All kinds of one cloud.

    Nova and Cinder make things only in the project of the token: our own user gets a role in the tenant when the first such thing is made there. Whoever
    runs a migration remembers before it whether we were inside, and leaves after it if we were not.
    """

    environment: str

    def inventory(self, tenant_id: str, kinds: Collection[ResourceKind] = ()) -> Inventory:
        """All that the tenant has and refers to, read side by side; or only what it has of these kinds, with what that refers to.

        Raises:
            NotFoundError: no such tenant.
        """
        ...

    def kind(self, kind: ResourceKind) -> KindDriver:
        """The driver of a kind.

        Raises:
            NotFoundError: the cloud has no service for it.
        """
        ...

    def expect(self) -> None:
        """Somebody will soon ask: log in beside whatever he does meanwhile. Never fails; what goes wrong is told to who asks."""
        ...

    def candidates(
        self, tenant_id: str, wanted: Mapping[ResourceKind, Sequence[Resource]]
    ) -> Mapping[ResourceKind, Sequence[Resource]]:
        """What the drivers of these kinds answer to `candidates`, asked side by side; nothing for a kind that the cloud has no service for."""
        ...

    def read(self, kind: ResourceKind, id: str) -> Resource | None:
        """One thing, freshly read; None when it is gone."""
        ...

    def is_inside(self, tenant_id: str) -> bool:
        """Whether our own user has the role in the tenant with which he makes things there; False too for a tenant that does not exist."""
        ...

    def leave(self, tenant_id: str) -> None:
        """Take our own user's role in the tenant away; none is no error."""
        ...

    def room(self, tenant_id: str) -> Mapping[str, Any]:
        """What limits a tenant here: quotas with their use by service, free address space of external networks, capacity of volume pools in bytes."""
        ...
