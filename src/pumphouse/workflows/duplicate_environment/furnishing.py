"""The steps that furnish a duplicate with contents of the original, one per kind; workflow.py adds those that were asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.operation import Item
from pumphouse.engine.step import ItemStep, NewItem, Skipped, StepContext
from pumphouse.workflows.duplicate_environment.planner import EXTERNAL
from pumphouse.workflows.duplicate_environment.steps import Duplicate


class Furnish(ItemStep):
    """All of one kind. What was there before is compared and never cleared."""

    kind: ClassVar[str]

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        about = Duplicate.of(ctx)
        there = {row["name"]: row for row in ctx.tools.furnisher(about.name).contents(self.kind)}
        return [
            NewItem(
                key=f"{self.kind}/{row['name']}",
                name=str(row["name"]),
                kind=self.kind,
                data={
                    "row": dict(row),
                    "present": row["name"] in there,
                    "differs": differing(self.kind, row, there.get(row["name"], row)),
                },
            )
            for row in self.rows(ctx, about)
        ]

    def rows(self, ctx: StepContext, about: Duplicate) -> Sequence[Mapping[str, Any]]:
        """What is wanted."""
        return ctx.tools.furnisher(about.original).contents(self.kind)

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        about = Duplicate.of(ctx)
        furnisher, row = ctx.tools.furnisher(about.name), item.data["row"]
        if item.data["differs"]:
            raise ConflictError(
                f"{about.name} has another {self.kind.replace('_', ' ')} {item.name}: {', '.join(item.data['differs'])} differ",
                hint="rename or change one of the two, then retry; or skip it",
            )
        if item.data["present"]:
            return Skipped("it is there already, and the same")
        made = furnisher.furnish(self.kind, row)
        furnisher.copy_from(ctx.tools.furnisher(about.original), self.kind, row)
        return {"id": made}

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        if not item.data["present"]:
            ctx.tools.furnisher(Duplicate.of(ctx).name).clear(self.kind, item.name)


class FurnishDomains(Furnish):
    """Domains."""

    kind: ClassVar[str] = "domain"
    name: ClassVar[str] = "furnish_domains"
    title: ClassVar[str] = "Furnish it with the original's domains"


class FurnishRoles(Furnish):
    """Roles, without what they imply."""

    kind: ClassVar[str] = "role"
    name: ClassVar[str] = "furnish_roles"
    title: ClassVar[str] = "Furnish it with the original's roles"


class FurnishImpliedRoles(Furnish):
    """What roles imply, once all of them are there."""

    kind: ClassVar[str] = "implied_role"
    name: ClassVar[str] = "furnish_implied_roles"
    title: ClassVar[str] = "Let its roles imply what the original's imply"


class FurnishFlavors(Furnish):
    """Flavors."""

    kind: ClassVar[str] = "flavor"
    name: ClassVar[str] = "furnish_flavors"
    title: ClassVar[str] = "Furnish it with the original's flavors"


class FurnishVolumeTypes(Furnish):
    """Volume types."""

    kind: ClassVar[str] = "volume_type"
    name: ClassVar[str] = "furnish_volume_types"
    title: ClassVar[str] = "Furnish it with the original's volume types"


class FurnishQuotas(Furnish):
    """Default quotas, where the deployer could not set them."""

    kind: ClassVar[str] = "quota"
    name: ClassVar[str] = "furnish_quotas"
    title: ClassVar[str] = "Set the original's default quotas"

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        furnisher, row = ctx.tools.furnisher(Duplicate.of(ctx).name), item.data["row"]
        now: Mapping[str, Any] = next(
            (r for r in furnisher.contents(self.kind) if r["name"] == item.name), {"limits": {}}
        )
        wanted = {k: v for k, v in row["limits"].items() if k in now["limits"]}
        before = {k: v for k, v in now["limits"].items() if k in wanted}
        if "before" not in item.result:
            if before == wanted:
                return Skipped("they are the same already")
            ctx.remember_item(item, before=before)
        furnisher.furnish(self.kind, {"name": item.name, "limits": wanted})
        return {"limits": len(wanted)}

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        if "before" in item.result:
            row = {"name": item.name, "limits": item.result["before"]}
            ctx.tools.furnisher(Duplicate.of(ctx).name).furnish(self.kind, row)


class FurnishAggregates(Furnish):
    """Aggregates, without hosts."""

    kind: ClassVar[str] = "aggregate"
    name: ClassVar[str] = "furnish_aggregates"
    title: ClassVar[str] = "Furnish it with the original's aggregates, empty"


class FurnishExternalNetworks(Furnish):
    """External networks, with the addresses that were decided."""

    kind: ClassVar[str] = "external_network"
    name: ClassVar[str] = "furnish_external_networks"
    title: ClassVar[str] = "Furnish it with external networks as decided"

    @override
    def rows(self, ctx: StepContext, about: Duplicate) -> Sequence[Mapping[str, Any]]:
        planned = {row["key"]: row for row in ctx.plan.decisions["settings"]}
        decided = planned[EXTERNAL]["value"] if EXTERNAL in planned else None
        return decided or []


class FurnishImages(Furnish):
    """Public images with their bytes."""

    kind: ClassVar[str] = "image"
    name: ClassVar[str] = "furnish_images"
    title: ClassVar[str] = "Furnish it with the original's public images"

    @override
    def parallel(self, ctx: StepContext) -> int:
        # bytes go through this process
        return 2


NOT_COMPARED: Final[Mapping[str, frozenset[str]]] = {
    # roles and domains of the new release's own bootstrap are worded anew, and imply more
    "role": frozenset({"description", "immutable", "implies", "domain"}),
    "domain": frozenset({"description"}),
    # set by the service itself, or to be seen only where nobody has changed it
    "flavor": frozenset({"disabled", "description"}),
    "volume_type": frozenset({"description"}),
    "aggregate": frozenset({"tenant_bound"}),
    "external_network": frozenset({"description", "mtu"}),
    "image": frozenset({"tags", "properties", "protected", "hidden"}),
}
"""What may differ in contents of one name, by kind."""


def differing(kind: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """The fields in which what is there contradicts what is wanted."""
    if kind == "quota":
        return []
    ignored = NOT_COMPARED.get(kind, frozenset())
    return sorted(k for k, v in wanted.items() if k not in ignored and k in there and there[k] != v)


FURNISHING: Final[Mapping[str, tuple[type[Furnish], ...]]] = {
    "domains": (FurnishDomains,),
    "roles": (FurnishRoles, FurnishImpliedRoles),
    "flavors": (FurnishFlavors,),
    "volume_types": (FurnishVolumeTypes,),
    "quotas": (FurnishQuotas,),
    "aggregates": (FurnishAggregates,),
    "external_networks": (FurnishExternalNetworks,),
    "images": (FurnishImages,),
}
"""What can be asked for with `contents`, in the order in which it is furnished."""
