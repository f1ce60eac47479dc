"""Snapshots of volumes are listed, not made: what `create` would snapshot is the volume as it is now, which is not what the source's snapshot holds.

Rebuilding them means writing each one's data into the destination's volume in turn before the volume's own; drivers/openstack/resources/volume_snapshot.py says which backends
forbid even that.
"""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.VOLUME_SNAPSHOT, "volume snapshots", Identity.OWN, listed_only=True)
