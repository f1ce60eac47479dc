"""What speaks against a migration, or wants to be read before it; workflow.py calls it with the planned rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.migration import Method
from pumphouse.domain.resource import Inventory, Move, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Kind
from pumphouse.workflows.migrate_tenant.planner import Row

FEW = 5
_GIB = 1 << 30
USES: Mapping[ResourceKind, tuple[tuple[str, str], ...]] = {
    ResourceKind.SERVER: (("nova", "instances"),),
    ResourceKind.SERVER_GROUP: (("nova", "server_groups"),),
    ResourceKind.NETWORK: (("neutron", "network"),),
    ResourceKind.SUBNET: (("neutron", "subnet"),),
    ResourceKind.PORT: (("neutron", "port"),),
    ResourceKind.ROUTER: (("neutron", "router"),),
    ResourceKind.FLOATING_IP: (("neutron", "floatingip"),),
    ResourceKind.SECURITY_GROUP: (("neutron", "security_group"),),
    ResourceKind.VOLUME: (("cinder", "volumes"),),
}
"""What one thing of a kind takes of a quota."""


def of_rows(rows: Sequence[Row], offered: Mapping[str, Sequence[str]]) -> list[Finding]:
    """What stands in the way of single things: all at once, the blocking ones first."""
    found: list[Finding] = []
    for row in rows:
        subject = f"{row.source.kind} {row.source.name or row.source.id}"
        if row.method is Method.OPEN:
            names = few(offered.get(str(row.source.kind), ()))
            found.append(
                critical(
                    "open-name",
                    subject,
                    row.reason,
                    f"map it to one that is there: {names}"
                    if names
                    else "make one in the destination, then plan again",
                )
            )
        elif row.method is Method.CONFLICT:
            code = "changed-since" if row.again else "conflict"
            found.append(
                critical(
                    code, subject, row.reason, f"make them alike, or leave it out: --exclude {row.source.key}"
                )
            )
        elif row.method is Method.CANNOT:
            found.append(
                warning(
                    "cannot-move", subject, row.reason, "it stays behind; move it by hand if it is needed"
                )
            )
        elif row.again:
            found.append(warning("changed-since", subject, row.reason))
        found += [warning("remark", subject, str(text)) for text in row.source.notes.get("remarks", ())]
    return sorted(found, key=lambda each: each.severity != "critical")


def of_inventory(inventory: Inventory, rows: Sequence[Row]) -> list[Finding]:
    """What is not moved at all, and what its owners must do themselves."""
    subject = f"tenant {inventory.tenant_id}"
    found = [
        warning("not-covered", subject, gap, "it stays behind; move it by hand") for gap in inventory.gaps
    ]
    by_owner: dict[str, int] = Counter(str(row.source.kind) for row in rows if row.method is Method.LIST)
    found += [
        warning("for-owners", subject, f"{count} of kind {kind} cannot be copied by anybody but their owners", "see the report: it lists them")
        for kind, count in sorted(by_owner.items())
    ]  # fmt: skip
    undone = [row for row in rows if row.method in (Method.CREATE, Method.ADOPT, Method.REUSE)]
    if not undone and any(row.method is Method.KEEP for row in rows):
        found.append(info("nothing-to-do", subject, "everything was moved before and has not changed since"))
    return found


def of_digest(expected: str, digest: str, tenant: str) -> list[Finding]:
    """Whether the source is what it was when the plan was made."""
    if not expected or expected == digest:
        return []
    text = "the source has changed since the plan was made"
    return [critical("source-changed", f"tenant {tenant}", text, "make a new plan and look at it again")]


def of_room(
    rows: Sequence[Row], room: Mapping[str, Any], inventory: Inventory, kinds: Mapping[ResourceKind, Kind]
) -> list[Finding]:
    """Whether the destination has room for it."""
    made = [row for row in rows if row.method is Method.CREATE and not row.target_id]
    quotas_move = {row.source.name for row in rows if row.source.kind is ResourceKind.QUOTA and row.method in (Method.CREATE, Method.ADOPT)}  # fmt: skip
    found = [*_quotas(made, room.get("quotas", {}), quotas_move), *_pools(made, room.get("volume_pools", ()))]
    found += _addresses(made, room.get("addresses", {}), _mapped_ids(rows))
    found += [
        warning("room-unknown", f"environment {inventory.environment}", str(gap))
        for gap in room.get("gaps", ())
    ]
    return found


def of_fence(*, fence: bool, stands: bool, tenant: str) -> list[Finding]:
    """Whether anybody may change the tenant while it moves."""
    if stands:
        return [info("in-maintenance", f"tenant {tenant}", "it is in maintenance already and stays so")]
    if fence:
        return []
    text = "its users may change it while it moves: what they change after it was copied is lost"
    return [warning("no-fence", f"tenant {tenant}", text, "leave --no-fence out")]


def of_choices(choices: Choices, rows: Sequence[Row]) -> list[Finding]:
    """What was chosen that loses something."""
    servers = [row for row in rows if row.source.kind is ResourceKind.SERVER and row.method is Method.CREATE]
    if not choices.stateless or not servers:
        return []
    text = "servers that were booted from an image are booted from it anew: what is on their root disks stays behind"
    return [warning("stateless", f"{len(servers)} servers", text)]


def no_migration(moves: Sequence[Move], params: Mapping[str, Any]) -> list[Finding]:
    """There is nothing that could be verified, rolled back or committed."""
    if moves:
        return []
    text = f"we have no record of moving it from {params['environment']} to {params['destination']}"
    return [critical("no-migration", f"tenant {params['name'] or params['tenant']}", text)]


def few(names: Iterable[str]) -> str:
    """The first of them, and how many more."""
    listed = sorted(set(names))
    return ", ".join(listed[:FEW]) + (f" and {len(listed) - FEW} more" if len(listed) > FEW else "")


def _quotas(made: Sequence[Row], quotas: Mapping[str, Any], moving: set[str]) -> list[Finding]:
    need: dict[tuple[str, str], int] = defaultdict(int)
    for row in made:
        for each in USES.get(row.source.kind, ()):
            need[each] += 1
        if row.source.kind is ResourceKind.VOLUME:
            need["cinder", "gigabytes"] += -(-row.source.size_bytes // _GIB)
    found = []
    for (service, name), amount in sorted(need.items()):
        known = quotas.get(service, {}).get(name)
        if service in moving or known is None or known["limit"] < 0:
            continue
        free = known["limit"] - known["used"]
        if amount > free:
            text = f"{amount} {name} are needed, and the destination's quota of {service} leaves {free}"
            found.append(
                critical("no-quota", f"quota {service}", text, "raise it there, or let quotas move too")
            )
    return found


def _pools(made: Sequence[Row], pools: Sequence[Mapping[str, Any]]) -> list[Finding]:
    need = sum(row.source.size_bytes for row in made if row.source.kind is ResourceKind.VOLUME)
    known = [pool["free_bytes"] for pool in pools]
    if not need or not known or None in known or need <= sum(known):
        return []
    text = f"its volumes need {need / _GIB:.1f} GiB, and the destination's pools have {sum(known) / _GIB:.1f} GiB free"
    # volumes may be thin: what they take is known only when it is written
    return [warning("little-room", "volume pools", text, "add room, or see that its volumes are sparse")]


def _addresses(made: Sequence[Row], addresses: Mapping[str, Any], mapped: Mapping[str, str]) -> list[Finding]:
    need: Counter[str] = Counter()
    for row in made:
        if row.source.kind is not ResourceKind.FLOATING_IP:
            continue
        for value in row.source.fields.values():
            target = value.get("$ref", "") if isinstance(value, Mapping) else ""
            if target in mapped:
                need[mapped[target]] += 1
    found = []
    for network, amount in sorted(need.items()):
        known = addresses.get(network)
        if known is not None and amount > known["total"] - known["used"]:
            text = (
                f"{amount} floating IPs are needed, and {known['total'] - known['used']} addresses are free"
            )
            found.append(
                critical("no-addresses", f"external network {known['name']}", text, "give it more addresses")
            )
    return found


def _mapped_ids(rows: Sequence[Row]) -> dict[str, str]:
    return {
        row.source.key: row.target_id
        for row in rows
        if row.source.kind is ResourceKind.EXTERNAL_NETWORK and row.target_id
    }
