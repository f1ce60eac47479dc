"""Migrate one tenant to another environment; docs/decisions/0003-migration.md says how."""

from collections.abc import Mapping

from pumphouse.domain.resource import ResourceKind
from pumphouse.engine.workflow import Workflow
from pumphouse.workflows.migrate_tenant.committing import CommitTenant
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.rolling_back import OWN_PUT_BACK, PutBack, RollbackTenant
from pumphouse.workflows.migrate_tenant.verifying import VerifyMigration
from pumphouse.workflows.migrate_tenant.workflow import OWN_STEPS, MigrateTenant, StepOf


def migration_workflows(
    kinds: Mapping[ResourceKind, Kind] = KINDS,
    steps: Mapping[ResourceKind, StepOf] = OWN_STEPS,
    put_back: Mapping[ResourceKind, PutBack] = OWN_PUT_BACK,
) -> list[Workflow]:
    """All four, about the same kinds."""
    return [
        MigrateTenant(kinds, steps),
        VerifyMigration(kinds),
        RollbackTenant(kinds, put_back),
        CommitTenant(kinds),
    ]


__all__ = ["CommitTenant", "MigrateTenant", "RollbackTenant", "VerifyMigration", "migration_workflows"]
