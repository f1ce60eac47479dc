"""How images move: with their bytes. Images of the cloud that the tenant's servers were booted from are found again by name and hash, not copied for each tenant."""

from collections.abc import Sequence

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

_HASH = ("os_hash_algo", "os_hash_value", "checksum")


def _same_bytes(source: Resource, offered: Sequence[Resource]) -> Resource | None:
    """The one of the same name, visibility and bytes; a hash decides, of whichever kind both clouds have."""
    for each in offered:
        alike = each.name == source.name and each.size_bytes == source.size_bytes
        if not alike or each.notes.get("status") != "active" or not source.size_bytes:
            continue
        if each.fields["visibility"] == source.fields["visibility"] and _same_hash(source, each):
            return each
    return None


def _same_hash(one: Resource, other: Resource) -> bool:
    algorithm, value, checksum = _HASH
    if one.notes.get(value) and one.notes.get(algorithm) == other.notes.get(algorithm):
        return bool(one.notes[value] == other.notes.get(value))
    return bool(one.notes.get(checksum)) and one.notes[checksum] == other.notes.get(checksum)


def _obstacle(image: Resource, choices: Choices) -> str:
    del choices
    left_out = image.notes.get("not_copied", {})
    if "cinder_encryption_key_id" in left_out:
        return "its data are encrypted, and the key stays in the source: let its owner make an image of a decrypted copy"
    if "block_device_mapping" in left_out and not image.size_bytes:
        return "it is a snapshot of a server booted from volumes and has no data of its own: it points to volume snapshots"
    status = image.notes.get("status")
    if status in ("active", "queued"):
        return ""
    if status == "deactivated":
        return "it is deactivated, so its data cannot be read: reactivate it, or leave it out"
    return f"it is {status}, so it has no data that could be read"


KIND = Kind(
    ResourceKind.IMAGE,
    "images",
    Identity.NAMED,
    chosen=_same_bytes,
    adoptable=frozenset(
        {"visibility", "members", "protected", "os_hidden", "min_disk", "min_ram", "tags", "properties", "kernel", "ramdisk"}
    ),
    at_least=frozenset({"tags", "properties"}),
    obstacle=_obstacle,
    parallel=4,
)  # fmt: skip
