"""The settings of environments as they were last read."""

import sqlalchemy as sa
from alembic import op

from pumphouse.drivers.database.tables import OPTIONS, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; environments are read when they are first asked for."""
    op.create_table(
        "environment_settings",
        sa.Column("environment_id", sa.String(length=64), nullable=False),
        sa.Column("schema_number", sa.Integer(), nullable=False),
        sa.Column("release", sa.String(length=32), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("environment_id"),
        **OPTIONS,
    )
