"""The words that the migration of a tenant and its surfaces agree on: kinds of operations, methods of a plan, keys of its decisions and of a move's details.

The workflows of workflows/migrate_tenant write them; services, report, plan file and display read them. All values are JSON-safe.
"""

from enum import StrEnum
from typing import Final

MIGRATE_KIND: Final = "migrate_tenant"
VERIFY_MIGRATION_KIND: Final = "verify_migration"
"""not `verify_tenant`: that one tries the fence"""
ROLLBACK_KIND: Final = "rollback_tenant"
COMMIT_KIND: Final = "commit_tenant"
MIGRATION_KINDS: Final = frozenset({MIGRATE_KIND, VERIFY_MIGRATION_KIND, ROLLBACK_KIND, COMMIT_KIND})


class Method(StrEnum):
    """What a plan does with one thing: the `method` of its item, whose `id` is KIND/ID, `kind` the kind, `target` the name of the counterpart (its id where
    names mean nothing; empty for one that is made under the same name), `size_bytes` its data.
    """

    CREATE = "create"
    REUSE = "reuse"
    ADOPT = "adopt"
    MAP = "map"
    KEEP = "keep"
    """made and verified by an earlier run, and unchanged since"""
    LIST = "list"
    """never made: its owners are told what to do"""
    LEAVE = "leave"
    """left out on the operator's word"""
    OPEN = "open"
    """the operator's map must say which it is"""
    CONFLICT = "conflict"
    CANNOT = "cannot"


class Decision(StrEnum):
    """Keys of a plan's `decisions` that people see and give back."""

    DIGEST = "digest"
    """of the source's inventory, SHA256:HEX; given back as the parameter `digest`, the operation is refused when the source has changed since"""
    NAMES = "names"
    """kind -> {name in the source: name in the destination}: all that are mapped or renamed, as decided or proposed"""
    OPEN = "open_names"
    """kind -> [names in the source that have no counterpart yet]"""
    OFFERED = "offered_names"
    """kind -> [names in the destination that may be given]"""
    BYTES = "bytes"
    """how many will go over the wire"""


class Detail(StrEnum):
    """Keys of `Move.details` that the report shows."""

    VERIFIED = "verified"
    """field -> how: `equal`, or why it is different on purpose"""
    DIGEST = "digest"
    """of the data, ALGORITHM:HEX, equal at both ends"""
    SIZE = "size_bytes"
    MOVED = "moved_bytes"
    SECONDS = "seconds"
    """that its copy or its making took"""
    ENGINE = "engine"
    BEFORE = "addresses_before"
    """list of addresses in the source; of servers, ports and floating IPs"""
    AFTER = "addresses_after"
    STOPPED_AT = "stopped_at"
    """ISO 8601: a server went down in the source"""
    STARTED_AT = "started_at"
    """ISO 8601: it answered in the destination, or was as it had been (stopped)"""
    DOWNTIME = "downtime_s"
    """only for a server that ran"""
    WAS = "was"
    """field -> value that an adopted thing had before"""
    TODO = "todo"
    """what its owner must do, in a sentence (credentials)"""


REPORT_MEMORY: Final = "report"
"""What a migration remembers for its report: `todo` (list of key, name, todo) and `gaps`."""
NAMED_BESIDE: Final = ("network_type", "network_mtu", "address")
"""What the operator's map may have beside kinds: types and MTUs of networks, and floating addresses, each by what the source has."""
BYTES_DONE: Final = "bytes_done"
"""Key of a running item's `result`: how many bytes have arrived; written now and then, not more than once a second."""
BYTES_TOTAL: Final = "bytes_total"
