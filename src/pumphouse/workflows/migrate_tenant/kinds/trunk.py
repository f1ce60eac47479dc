"""Trunks: made before the server, as Neutron makes none on a bound port."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    kind=ResourceKind.TRUNK,
    title="trunk",
    identity=Identity.OWN,
    completed=frozenset({"tags"}),
    unordered=frozenset({"sub_ports"}),
)
