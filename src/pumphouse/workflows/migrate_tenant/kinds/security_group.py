"""Security groups. Every project has one `default` that cannot be made: the destination's is adopted, and its rules are rewritten."""

from collections.abc import Sequence

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

DEFAULT = "default"


def _counterpart(source: Resource, candidates: Sequence[Resource]) -> Resource | None:
    if source.name != DEFAULT:
        return None
    return next((each for each in candidates if each.name == DEFAULT), None)


def _is_default(group: Resource) -> bool:
    return group.name == DEFAULT


KIND = Kind(
    kind=ResourceKind.SECURITY_GROUP,
    title="security group",
    identity=Identity.OWN,
    adoptable=frozenset({"description", "stateful", "tags"}),
    completed=frozenset({"tags"}),
    chosen=_counterpart,
    innate=_is_default,
    parallel=32,
)
