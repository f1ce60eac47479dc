"""What the workflows that come after a migration share: verifying, rolling back and committing work from its records alone."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.resource import Move, ResourceKind
from pumphouse.ports.toolbox import Toolbox
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.parameters import OnMigration, migration


class LaterWorkflow(OnMigration):
    """About one migration that has records; excludes everything else that is done to the tenant."""

    verb: ClassVar[str]

    def __init__(self, kinds: Mapping[ResourceKind, Kind] = KINDS) -> None:
        self.kinds = kinds

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = migration(params)
        read.number("parallel", 8, low=1, high=64)
        read.choice("on_failure", ("pause", "skip"), "pause")
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        named = params["name"] or params["tenant"]
        return f"{self.verb} tenant {named} from {params['environment']} to {params['destination']}"


def moves_of(tools: Toolbox, params: Mapping[str, Any]) -> Sequence[Move]:
    """The records that it is about."""
    return tools.moves.moves(params["environment"], params["tenant"], params["destination"])
