"""What became of tenants' things in other clouds."""

import sqlalchemy as sa
from alembic import op

from pumphouse.drivers.database.tables import LONG_TEXT, OPTIONS, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the counter that keeps its order."""
    op.create_table(
        "moves",
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=255), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("source_id", LONG_TEXT, nullable=False),
        sa.Column("name", LONG_TEXT, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("destination_id", LONG_TEXT, nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("source_version", LONG_TEXT, nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source", "tenant_id", "destination", "identity"),
        **OPTIONS,
    )
    counters = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
    op.bulk_insert(counters, [{"name": "moves", "value": 0}])
