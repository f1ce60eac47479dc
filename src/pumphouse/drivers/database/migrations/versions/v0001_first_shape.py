"""The first shape: environments, operations with steps and items, events, health runs, and TaskFlow's logbook.

Written out by Alembic's autogenerate from tables.py; a test holds the two together.
"""

import sqlalchemy as sa
from alembic import op

from pumphouse.drivers.database.tables import LOGBOOK_JSON, LONG_TEXT, OPTIONS, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **OPTIONS,
    )
    op.create_table(
        "environments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("access", sa.JSON(), nullable=False),
        sa.Column("deployer", sa.String(length=255), nullable=True),
        sa.Column("deployer_options", sa.JSON(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("facts_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        **OPTIONS,
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("message", LONG_TEXT, nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("subject", LONG_TEXT, nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=True),
        sa.Column("operation_id", sa.String(length=64), nullable=True),
        sa.Column("step", sa.String(length=255), nullable=True),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        **OPTIONS,
    )
    op.create_index("events_by_notify", "events", ["notify", "seq"], unique=False)
    op.create_index("events_by_operation", "events", ["operation_id", "seq"], unique=False)
    op.create_table(
        "health_runs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_health_runs_environment"), "health_runs", ["environment"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("idempotency_key"),
        **OPTIONS,
    )
    op.create_table(
        "locks",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("root_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_locks_root_id"), "locks", ["root_id"], unique=False)
    op.create_table(
        "logbooks",
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("meta", LOGBOOK_JSON, nullable=True),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("uuid"),
        **OPTIONS,
    )
    op.create_table(
        "maintenances",
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("was_enabled", sa.Boolean(), nullable=False),
        sa.Column("previous_reason", LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("environment", "node"),
        **OPTIONS,
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("title", LONG_TEXT, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("environment", sa.String(length=255), nullable=True),
        sa.Column("subject", LONG_TEXT, nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.Column("root_id", sa.String(length=64), nullable=False),
        sa.Column("child_name", sa.String(length=255), nullable=True),
        sa.Column("lock_names", sa.JSON(), nullable=False),
        sa.Column("current_step", sa.String(length=255), nullable=True),
        sa.Column("error", LONG_TEXT, nullable=False),
        sa.Column("hint", LONG_TEXT, nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("owner_token", sa.String(length=64), nullable=True),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_operations_environment"), "operations", ["environment"], unique=False)
    op.create_index(op.f("ix_operations_status"), "operations", ["status"], unique=False)
    op.create_index("operations_by_parent", "operations", ["parent_id", "child_name"], unique=False)
    op.create_table(
        "flowdetails",
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("parent_uuid", sa.String(length=64), nullable=True),
        sa.Column("meta", LOGBOOK_JSON, nullable=True),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("state", sa.String(length=255), nullable=True),
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["parent_uuid"], ["logbooks.uuid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uuid"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_flowdetails_parent_uuid"), "flowdetails", ["parent_uuid"], unique=False)
    op.create_table(
        "items",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=255), nullable=False),
        sa.Column("step_position", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_key", sa.String(length=255), nullable=False),
        sa.Column("name", LONG_TEXT, nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("burdens", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("error", LONG_TEXT, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("operation_id", "step_position", "position", name="items_in_order"),
        **OPTIONS,
    )
    op.create_index("items_by_end", "items", ["operation_id", "ended_at"], unique=False)
    op.create_index("items_by_status", "items", ["operation_id", "step", "status"], unique=False)
    op.create_table(
        "memories",
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("operation_id", "name"),
        **OPTIONS,
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["events.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_outbox_due_at"), "outbox", ["due_at"], unique=False)
    op.create_table(
        "steps",
        sa.Column("operation_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("title", LONG_TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("irreversible", sa.Boolean(), nullable=False),
        sa.Column("error", LONG_TEXT, nullable=False),
        sa.Column("hint", LONG_TEXT, nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("operation_id", "name"),
        **OPTIONS,
    )
    op.create_table(
        "atomdetails",
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("meta", LOGBOOK_JSON, nullable=True),
        sa.Column("parent_uuid", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=255), nullable=True),
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.Column("failure", LOGBOOK_JSON, nullable=True),
        sa.Column("results", LOGBOOK_JSON, nullable=True),
        sa.Column("revert_results", LOGBOOK_JSON, nullable=True),
        sa.Column("revert_failure", LOGBOOK_JSON, nullable=True),
        sa.Column("atom_type", sa.Enum("TASK_DETAIL", "RETRY_DETAIL", name="atom_types"), nullable=True),
        sa.Column(
            "intention", sa.Enum("EXECUTE", "IGNORE", "REVERT", "RETRY", name="intentions"), nullable=True
        ),
        sa.ForeignKeyConstraint(["parent_uuid"], ["flowdetails.uuid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uuid"),
        **OPTIONS,
    )
    op.create_index(op.f("ix_atomdetails_parent_uuid"), "atomdetails", ["parent_uuid"], unique=False)
    # ### end Alembic commands ###
    counters = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
    op.bulk_insert(counters, [{"name": name, "value": 0} for name in ("events", "operations", "health_runs")])
