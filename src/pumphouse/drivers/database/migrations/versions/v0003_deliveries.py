"""What has reached each sink of the notifications."""

import sqlalchemy as sa
from alembic import op

from pumphouse.drivers.database.tables import LONG_TEXT, OPTIONS, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; what was delivered before stays so, as its row in the outbox says."""
    op.create_table(
        "deliveries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sink", sa.String(length=64), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["events.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", "sink"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_deliveries_due_at"), "deliveries", ["due_at"], unique=False)
