"""Quotas that a fence has pinned are put back in thought as the driver would have read them."""

from datetime import UTC, datetime

from pumphouse.domain.fence import EntryState, FenceEntry
from pumphouse.domain.resource import Inventory, Resource, ResourceKind, ref
from pumphouse.workflows.migrate_tenant.unfenced import unfenced

PINNED = Resource(
    ResourceKind.QUOTA,
    "cinder/t",
    "cinder",
    {"limits": {"volumes": 1, "gigabytes": 1}, "by_type": []},
    {
        "defaults": {"volumes": 10, "gigabytes": 1000, "gigabytes_fast_too": -1, "per_volume_gigabytes": -1},
        "types": {"fast_too": "type-2"},
    },
    owner="t",
)


def test_only_what_differs_from_the_defaults_comes_back_with_types_apart() -> None:
    before = {
        "volumes": 10,
        "gigabytes": 50,
        "gigabytes_fast_too": 5,
        "per_volume_gigabytes": -1,
        "fixed_ips": -1,
    }
    entry = FenceEntry("quota", "cinder", {"before": before, "pinned": {}}, EntryState.DONE)
    found = unfenced(Inventory("old", "t", datetime(2026, 1, 1, tzinfo=UTC), [PINNED]), [entry])
    (quota,) = found.resources
    assert quota.fields == {
        "limits": {"gigabytes": 50},
        "by_type": [{"type": ref(ResourceKind.VOLUME_TYPE, "type-2"), "name": "gigabytes", "limit": 5}],
    }
