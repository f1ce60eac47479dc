"""The tables, in SQLAlchemy Core; the migrations create them. Used by every store of this room and by nobody outside."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from typing_extensions import override

NAME = 255
ID = 64
WORD = 32


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time in UTC, to the microsecond, the same on all databases (SQLite and MariaDB store no zone)."""

    impl = sa.DateTime
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[datetime]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    @override
    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


# names are compared byte by byte everywhere: MariaDB's default would call `Old` and `old` the same
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
}

# MariaDB's TEXT ends at 64 KiB, and silently so in old SQL modes
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

metadata = sa.MetaData()

environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", sa.String(ID), primary_key=True),
    sa.Column("name", sa.String(NAME), nullable=False, unique=True),
    sa.Column("access", sa.JSON, nullable=False),
    sa.Column("deployer", sa.String(NAME)),
    sa.Column("deployer_options", sa.JSON, nullable=False),
    sa.Column("added_at", UtcDateTime, nullable=False),
    sa.Column("status", sa.String(WORD), nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("facts_at", UtcDateTime),
    **OPTIONS,
)

environment_settings = sa.Table(
    "environment_settings",
    metadata,
    sa.Column(
        "environment_id",
        sa.String(ID),
        sa.ForeignKey("environments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("schema_number", sa.Integer, nullable=False),
    sa.Column("release", sa.String(WORD), nullable=False),
    sa.Column("read_at", UtcDateTime, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),
    **OPTIONS,
)

maintenances = sa.Table(
    "maintenances",
    metadata,
    sa.Column("environment", sa.String(NAME), primary_key=True),
    sa.Column("node", sa.String(NAME), primary_key=True),
    sa.Column("reason", LONG_TEXT, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("operation_id", sa.String(ID), nullable=False),
    sa.Column("was_enabled", sa.Boolean, nullable=False),
    sa.Column("previous_reason", LONG_TEXT, nullable=False),
    **OPTIONS,
)

fences = sa.Table(
    "fences",
    metadata,
    sa.Column("environment", sa.String(NAME), primary_key=True),
    sa.Column("tenant_id", sa.String(ID), primary_key=True),
    sa.Column("tenant_name", sa.String(NAME), nullable=False),
    sa.Column("domain_id", sa.String(ID), nullable=False),
    sa.Column("state", sa.String(WORD), nullable=False),
    sa.Column("reason", LONG_TEXT, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("operation_id", sa.String(ID), nullable=False),
    sa.Column("actor", sa.String(NAME), nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("means", sa.JSON, nullable=False),
    sa.Column("proof", sa.JSON, nullable=False),
    sa.Column("proven_at", UtcDateTime),
    **OPTIONS,
)

fence_entries = sa.Table(
    "fence_entries",
    metadata,
    sa.Column("environment", sa.String(NAME), primary_key=True),
    sa.Column("tenant_id", sa.String(ID), primary_key=True),
    sa.Column("kind", sa.String(WORD), primary_key=True),
    # a grant is named by its place, holder and role (domain/tenant.py): about 235 characters where LDAP makes the ids
    sa.Column("entry_key", sa.String(ID * 5), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("state", sa.String(WORD), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.ForeignKeyConstraint(
        ["environment", "tenant_id"], ["fences.environment", "fences.tenant_id"], ondelete="CASCADE"
    ),
    **OPTIONS,
)

moves = sa.Table(
    "moves",
    metadata,
    sa.Column("source", sa.String(NAME), primary_key=True),
    sa.Column("tenant_id", sa.String(ID), primary_key=True),
    sa.Column("destination", sa.String(NAME), primary_key=True),
    # SHA-256 of KIND/SOURCE_ID
    sa.Column("identity", sa.String(ID), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(WORD), nullable=False),
    sa.Column("source_id", LONG_TEXT, nullable=False),
    sa.Column("name", LONG_TEXT, nullable=False),
    sa.Column("state", sa.String(WORD), nullable=False),
    sa.Column("destination_id", LONG_TEXT, nullable=False),
    sa.Column("ours", sa.Boolean, nullable=False),
    sa.Column("source_version", LONG_TEXT, nullable=False),
    sa.Column("operation_id", sa.String(ID), nullable=False),
    sa.Column("at", UtcDateTime),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Index("moves_by_destination", "destination", "kind"),
    **OPTIONS,
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("id", sa.String(ID), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("kind", sa.String(WORD * 2), nullable=False),
    sa.Column("title", LONG_TEXT, nullable=False),
    sa.Column("status", sa.String(WORD), nullable=False, index=True),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("plan", sa.JSON),
    sa.Column("environment", sa.String(NAME), index=True),
    sa.Column("subject", LONG_TEXT, nullable=False),
    sa.Column("actor", sa.String(NAME), nullable=False),
    sa.Column("parent_id", sa.String(ID)),
    sa.Column("root_id", sa.String(ID), nullable=False),
    sa.Column("child_name", sa.String(NAME)),
    sa.Column("lock_names", sa.JSON, nullable=False),
    sa.Column("current_step", sa.String(NAME)),
    sa.Column("error", LONG_TEXT, nullable=False),
    sa.Column("hint", LONG_TEXT, nullable=False),
    sa.Column("owner", sa.String(NAME)),
    sa.Column("owner_token", sa.String(ID)),
    sa.Column("heartbeat_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Index("operations_by_parent", "parent_id", "child_name"),
    **OPTIONS,
)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column(
        "operation_id", sa.String(ID), sa.ForeignKey("operations.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("name", sa.String(NAME), primary_key=True),
    sa.Column("title", LONG_TEXT, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("status", sa.String(WORD), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("irreversible", sa.Boolean, nullable=False),
    sa.Column("error", LONG_TEXT, nullable=False),
    sa.Column("hint", LONG_TEXT, nullable=False),
    sa.Column("reason", LONG_TEXT, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    **OPTIONS,
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.String(ID), primary_key=True),
    sa.Column(
        "operation_id", sa.String(ID), sa.ForeignKey("operations.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("step", sa.String(NAME), nullable=False),
    sa.Column("step_position", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("item_key", sa.String(NAME), nullable=False),
    sa.Column("name", LONG_TEXT, nullable=False),
    sa.Column("kind", sa.String(NAME), nullable=False),
    sa.Column("burdens", sa.JSON, nullable=False),
    sa.Column("status", sa.String(WORD), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
    sa.Column("error", LONG_TEXT, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.UniqueConstraint("operation_id", "step_position", "position", name="items_in_order"),
    sa.Index("items_by_status", "operation_id", "step", "status"),
    sa.Index("items_by_end", "operation_id", "ended_at"),
    **OPTIONS,
)

memories = sa.Table(
    "memories",
    metadata,
    sa.Column(
        "operation_id", sa.String(ID), sa.ForeignKey("operations.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("name", sa.String(NAME), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    **OPTIONS,
)

locks = sa.Table(
    "locks",
    metadata,
    sa.Column("name", sa.String(NAME), primary_key=True),
    sa.Column("root_id", sa.String(ID), nullable=False, index=True),
    **OPTIONS,
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("idempotency_key", sa.String(NAME), primary_key=True),
    sa.Column("operation_id", sa.String(ID), nullable=False),
    sa.Column("fingerprint", sa.String(ID), nullable=False),
    **OPTIONS,
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(WORD), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
    **OPTIONS,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("type", sa.String(NAME), nullable=False),
    sa.Column("message", LONG_TEXT, nullable=False),
    sa.Column("severity", sa.String(WORD), nullable=False),
    sa.Column("subject", LONG_TEXT, nullable=False),
    sa.Column("environment", sa.String(NAME)),
    sa.Column("operation_id", sa.String(ID)),
    sa.Column("step", sa.String(NAME)),
    sa.Column("notify", sa.Boolean, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("events_by_operation", "operation_id", "seq"),
    sa.Index("events_by_notify", "notify", "seq"),
    **OPTIONS,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger,
        sa.ForeignKey("events.seq", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("sink", sa.String(ID), primary_key=True),
    sa.Column("due_at", UtcDateTime, index=True),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", LONG_TEXT, nullable=False),
    **OPTIONS,
)

# what is to be told; `due_at` is only empty, and the rest only filled, in rows that version 0.1 has dealt with
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger,
        sa.ForeignKey("events.seq", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("due_at", UtcDateTime, index=True),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", LONG_TEXT, nullable=False),
    **OPTIONS,
)

health_runs = sa.Table(
    "health_runs",
    metadata,
    sa.Column("id", sa.String(ID), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("environment", sa.String(NAME), index=True),
    sa.Column("document", sa.JSON, nullable=False),
    **OPTIONS,
)

# TaskFlow's logbook, by the names and shapes that its own backend reads and writes (taskflow/persistence/backends/sqlalchemy/tables.py,
# 6.5); a test compares them. Created here because the stock backend would run its own migrations beside ours.
LOGBOOK_JSON = (
    sa.Text().with_variant(sa.JSON(), "postgresql").with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
)

logbooks = sa.Table(
    "logbooks",
    metadata,
    sa.Column("created_at", sa.DateTime),
    sa.Column("updated_at", sa.DateTime),
    sa.Column("meta", LOGBOOK_JSON),
    sa.Column("name", sa.String(255)),
    sa.Column("uuid", sa.String(64), primary_key=True),
    **OPTIONS,
)

flowdetails = sa.Table(
    "flowdetails",
    metadata,
    sa.Column("created_at", sa.DateTime),
    sa.Column("updated_at", sa.DateTime),
    sa.Column("parent_uuid", sa.String(64), sa.ForeignKey("logbooks.uuid", ondelete="CASCADE"), index=True),
    sa.Column("meta", LOGBOOK_JSON),
    sa.Column("name", sa.String(255)),
    sa.Column("state", sa.String(255)),
    sa.Column("uuid", sa.String(64), primary_key=True),
    **OPTIONS,
)

atomdetails = sa.Table(
    "atomdetails",
    metadata,
    sa.Column("created_at", sa.DateTime),
    sa.Column("updated_at", sa.DateTime),
    sa.Column("meta", LOGBOOK_JSON),
    sa.Column(
        "parent_uuid", sa.String(64), sa.ForeignKey("flowdetails.uuid", ondelete="CASCADE"), index=True
    ),
    sa.Column("name", sa.String(255)),
    sa.Column("version", sa.String(64)),
    sa.Column("state", sa.String(255)),
    sa.Column("uuid", sa.String(64), primary_key=True),
    sa.Column("failure", LOGBOOK_JSON),
    sa.Column("results", LOGBOOK_JSON),
    sa.Column("revert_results", LOGBOOK_JSON),
    sa.Column("revert_failure", LOGBOOK_JSON),
    sa.Column("atom_type", sa.Enum("TASK_DETAIL", "RETRY_DETAIL", name="atom_types")),
    sa.Column("intention", sa.Enum("EXECUTE", "IGNORE", "REVERT", "RETRY", name="intentions")),
    **OPTIONS,
)
