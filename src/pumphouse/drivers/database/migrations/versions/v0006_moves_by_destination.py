"""Who else has the same thing of a destination is looked up, not searched for."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The id in the destination is too long for an index of MariaDB: its kind narrows it down to a few hundred rows."""
    op.create_index("moves_by_destination", "moves", ["destination", "kind"], unique=False)
