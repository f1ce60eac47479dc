"""Subnets of external networks: routers and floating IPs name them. They are mapped along with their network."""

from collections.abc import Callable, Sequence

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind


def _counterpart(source: Resource, candidates: Sequence[Resource]) -> Resource | None:
    """The one of the same name and CIDR; else the only one of the same CIDR; else the only one of the same name."""

    def same_cidr(each: Resource) -> bool:
        return bool(each.fields["cidr"] == source.fields["cidr"])

    def same_name(each: Resource) -> bool:
        return each.name == source.name

    rules: tuple[Callable[[Resource], bool], ...] = (
        lambda each: same_name(each) and same_cidr(each),
        same_cidr,
        same_name,
    )
    for fits in rules:
        found = [each for each in candidates if fits(each)]
        if len(found) == 1:
            return found[0]
    return None


KIND = Kind(
    kind=ResourceKind.EXTERNAL_SUBNET,
    title="subnet of an external network",
    identity=Identity.MAPPED,
    chosen=_counterpart,
    scope=frozenset({"network"}),
)
