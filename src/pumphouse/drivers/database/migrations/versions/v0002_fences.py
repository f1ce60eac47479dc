"""Fences around tenants, and the journal of each."""

import sqlalchemy as sa
from alembic import op

from pumphouse.drivers.database.tables import LONG_TEXT, OPTIONS, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "fences",
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("tenant_name", sa.String(length=255), nullable=False),
        sa.Column("domain_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("means", sa.JSON(), nullable=False),
        sa.Column("proof", sa.JSON(), nullable=False),
        sa.Column("proven_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("environment", "tenant_id"),
        **OPTIONS,
    )
    op.create_table(
        "fence_entries",
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("entry_key", sa.String(length=320), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment", "tenant_id"], ["fences.environment", "fences.tenant_id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("environment", "tenant_id", "kind", "entry_key"),
        **OPTIONS,
    )
