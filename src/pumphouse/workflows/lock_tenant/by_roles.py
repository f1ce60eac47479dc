"""Means `roles`: in Keystone, `reader` in the place of every ordinary role that is granted on the tenant itself. First `reader` is given to
those who could read, then the others are taken, so that nobody is without access in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.fence import FenceEntry, Means
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.workflows.lock_tenant.mechanism import Alteration, Drift, Mechanism
from pumphouse.workflows.lock_tenant.role_book import READER, RoleBook
from pumphouse.workflows.lock_tenant.scene import Scene


class ReaderForAll(Mechanism):
    """Gives `reader` to the holders of what will be taken, where they could read and do not have it."""

    means: ClassVar[Means] = Means.ROLES
    kind: ClassVar[str] = "added"

    @override
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        del services
        grants = scene.tenants.grants(scene.tenant_id)
        book = RoleBook.at(scene, grants)
        present = {g.key for g in grants}
        wanted: dict[str, Grant] = {}
        for grant in grants:
            if book.is_swapped(grant) and book.lets_read(grant.role_id):
                reader = replace(grant, role_id=book.reader_id, role_name=READER)
                if reader.key not in present:
                    wanted[reader.key] = reader
        return [Alteration(k, named(g), written(g), "gets reader meanwhile") for k, g in wanted.items()]

    @override
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        scene.tenants.add_grant(read(entry.data))

    @override
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        present = {g.key for g in scene.tenants.grants(scene.tenant_id)}
        gone = [read(e.data) for e in entries if e.key not in present]
        return [f"{named(g)}: somebody took the reader that we gave" for g in gone]

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        scene.tenants.remove_grant(read(entry.data))
        return None


class NothingButReader(Mechanism):
    """Takes the ordinary roles that were granted on the tenant."""

    means: ClassVar[Means] = Means.ROLES
    kind: ClassVar[str] = "withdrawn"

    @override
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        del services
        grants = scene.tenants.grants(scene.tenant_id)
        book = RoleBook.at(scene, grants)
        return [
            Alteration(g.key, named(g), written(g), "is taken meanwhile")
            for g in grants
            if book.is_swapped(g)
        ]

    @override
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        scene.tenants.remove_grant(read(entry.data))

    @override
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        grants = scene.tenants.grants(scene.tenant_id)
        book = RoleBook.at(scene, grants)
        ours = {entry.key for entry in entries}
        return [
            f"{named(g)}: somebody granted it {'again' if g.key in ours else 'meanwhile'}"
            for g in grants
            if book.is_swapped(g)
        ]

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        grant = read(entry.data)
        try:
            scene.tenants.add_grant(grant)
        except NotFoundError:
            return Drift(f"{named(grant)} cannot be granted again: its holder or role was deleted meanwhile")
        return None


def named(grant: Grant) -> str:
    """A grant in words for people."""
    how = ", for the projects below" if grant.inherited else ""
    return f"{grant.role_name or grant.role_id} of {grant.holder_kind} {grant.holder_name or grant.holder_id}{how}"


def written(grant: Grant) -> Mapping[str, Any]:
    """JSON-safe."""
    return asdict(grant)


def read(data: Mapping[str, Any]) -> Grant:
    """What `written` wrote."""
    kind, place = HolderKind(data["holder_kind"]), Place(data["place"])
    return Grant(**{**data, "holder_kind": kind, "place": place})
