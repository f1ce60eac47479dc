"""Servers. servers.py brings them over, one after the other from stop to floating IP; this says only what is compared and what may differ."""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind
from pumphouse.workflows.migrate_tenant.server_power import MOVABLE


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    changed = dict(fields)
    if not choices.stateless:
        changed["image"] = None
    if fields["keypair"] is None:
        changed["key_name"] = ""
    return changed


def _obstacle(resource: Resource, choices: Choices) -> str:
    status = resource.notes.get("status", "")
    if status not in MOVABLE:
        return f"it is {status}: finish or mend what goes on with it, and plan again"
    if resource.notes.get("task"):
        return f"Nova is busy with it ({resource.notes['task']}): plan again when it is done"
    if choices.stateless and status.startswith("SHELVED"):
        return (
            "it is shelved, and without its disk it would be another server: migrate it without --stateless"
        )
    if resource.fields["flavor"] is None:
        return "Nova does not tell which flavor it has"
    return ""


KIND: Final = Kind(
    kind=ResourceKind.SERVER,
    title="servers",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose={
        "image": "its root disk came over as a snapshot of the stopped server, which was removed afterwards",
        "key_name": "the keypair no longer exists in the source, and no API tells the public key that the server was made with",
    },
    free={
        "devices": "the hypervisor names them in the order of the volumes",
        "keypair": "servers are made by our own user, so only the name of the key can be compared",
    },
    adoptable=frozenset({"tags", "locked", "locked_reason"}),
    touched=frozenset({"locked", "locked_reason"}),
    obstacle=_obstacle,
    parallel=4,
)
