"""How volumes move: with their data, and attached by the server that has them. Types and zones are the operator's map."""

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

_READABLE = frozenset({"available", "in-use", "reserved"})
"""`reserved` is the volume of a server that is shelved."""


def _obstacle(volume: Resource, choices: Choices) -> str:
    del choices
    if volume.notes.get("encrypted"):
        return "it is encrypted, and its key stays in the source's Barbican: let its owner copy the data from inside a server"
    status = volume.notes.get("status")
    if status not in _READABLE:
        return f"it is {status}: only an available or attached volume can be read; bring it to one of these, or leave it out"
    return ""


KIND = Kind(
    ResourceKind.VOLUME,
    "volumes",
    Identity.OWN,
    adoptable=frozenset({"description", "metadata", "image_metadata", "bootable", "read_only"}),
    at_least=frozenset({"image_metadata"}),
    obstacle=_obstacle,
    # each copies with several threads; what is won by more is lost at the storage
    parallel=3,
)
