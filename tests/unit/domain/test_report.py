"""The report of a migration: what it is built from, and its page, which shows texts that come from clouds."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pumphouse.domain.amounts import size
from pumphouse.domain.finding import info, warning
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.report import Report, report
from pumphouse.domain.report_page import page
from pumphouse.domain.resource import Move, MoveState, ResourceKind

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
K = ResourceKind
EVIL = "<script>alert('x')</script>"
SERVER = {
    "verified": {"name": "equal", "tags": "equal", "zone": "the map says az2"},
    "digest": "sha512:ab", "size_bytes": 2048, "moved_bytes": 1024, "engine": "attach", "seconds": 4.0,
    "addresses_before": ["10.0.0.3", "203.0.113.9"], "addresses_after": ["203.0.113.9", "10.0.0.3"],
    "stopped_at": "2026-11-23T01:00:00+00:00", "started_at": "2026-11-23T01:01:02+00:00", "downtime_s": 62.5,
}  # fmt: skip


def move(kind: ResourceKind, id: str, state: MoveState = MoveState.VERIFIED, **values: Any) -> Move:
    return replace(Move("old", "t1", "new", kind, id, f"name of {id}", state, f"new-{id}"), **values)


def made(moves: list[Move], operation: Operation | None = None, items: tuple[Item, ...] = ()) -> Report:
    told = (
        {"todo": [{"key": "credential/c2", "name": "ec2", "todo": "make new keys"}], "gaps": ["2 stacks"]}
        if operation
        else {}
    )
    about = {"source": "old", "tenant_id": "t1", "tenant_name": "acme", "destination": "new", "now": NOW}
    return report(moves, operation, items, told, **about)  # type: ignore[arg-type]


def run(*planned: PlannedItem) -> Operation:
    findings = [warning("gap", "load balancers", f"2 of them {EVIL}"), info("x", "y", "z")]
    plan = Plan("migrate_tenant", "t", "s", [], planned, findings)
    return Operation("op-1", "migrate_tenant", "t", OperationStatus.DONE, {}, plan, NOW, started_at=NOW)


def test_what_moved_is_told_with_its_proof() -> None:
    found = made(
        [
            move(K.SERVER, "s1", ours=True, details=SERVER),
            move(K.FLAVOR, "f1", details={"todo": None, "digest": None}),
        ]
    )
    flavor, server = found.moved
    assert (flavor.how, server.how) == ("there before", "made")
    assert (server.equal, server.changed) == (("name", "tags"), {"zone": "the map says az2"})
    assert (server.digest, found.size_bytes, found.moved_bytes) == ("sha512:ab", 2048, 1024)
    assert (flavor.digest, flavor.todo, found.for_owners) == ("", "", [])
    assert found.counts == {"flavor": 1, "server": 1}
    assert found.longest_downtime_s == 62.5
    assert found.addresses[0].same, "the order of addresses says nothing"
    assert found.status == "verified"


def test_what_did_not_move_is_told_with_the_reason() -> None:
    planned = (
        PlannedItem("image/i1", "raw", "image", "leave", reason="on your word"),
        PlannedItem("credential/c1", "ci", "credential", "list", reason="its owner makes a new one"),
        PlannedItem("network/n1", "net", "network", "create"),
        PlannedItem("zone/compute/az1", "az1", "zone", "open"),
        PlannedItem("volume/v1", "disk", "volume", "leave"),
    )
    items = (
        Item("1", "servers", "server/s1", "web", "server", ItemStatus.FAILED, error="no valid host"),
        Item("2", "servers", "server/s2", "db", "server", ItemStatus.DONE),
    )
    found = made([move(K.NETWORK, "n1"), move(K.VOLUME, "v1")], run(*planned), items)
    told = [(n.kind, n.id, n.why, n.failed) for n in found.not_moved]
    assert told == [
        ("server", "s1", "no valid host", True),
        ("image", "i1", "on your word", False),
        ("zone", "compute/az1", "open", False),
    ]
    assert found.status == "errors"
    owners = [(o.kind, o.id, o.what) for o in found.for_owners]
    assert owners == [
        ("credential", "c2", "make new keys"),
        ("credential", "c1", "its owner makes a new one"),
    ]
    assert found.gaps == ("2 stacks",)
    assert [f.code for f in found.findings] == ["gap"]


def test_the_status_is_the_least_of_all() -> None:
    assert made([]).status == "unfinished"
    assert made([move(K.NETWORK, "n1", MoveState.INTENDED), move(K.NETWORK, "n2")]).status == "unfinished"
    assert made([move(K.NETWORK, "n1", MoveState.MADE), move(K.NETWORK, "n2")]).status == "moved"
    assert made([move(K.NETWORK, "n1", MoveState.COMMITTED), move(K.NETWORK, "n2")]).status == "verified"
    assert made([move(K.NETWORK, "n1", MoveState.COMMITTED)]).status == "committed"


def test_what_cannot_move_is_not_hidden_by_what_did() -> None:
    moves = [move(K.NETWORK, "n1")]
    stuck, left = (
        PlannedItem("server/s1", "a", "server", "cannot"),
        PlannedItem("server/s2", "b", "server", "leave"),
    )
    assert made(moves, run(stuck, left)).status == "partial"
    assert made(moves, run(left)).status == "verified", "it was the operator's wish"


def test_the_page_stands_alone_and_escapes_what_clouds_say() -> None:
    evil = move(
        K.SERVER, "s1", name=EVIL, details={**SERVER, "addresses_after": [EVIL], "todo": EVIL, "digest": EVIL}
    )
    left = PlannedItem(f"image/{EVIL}", EVIL, "image", "leave", reason=EVIL)
    found = page(replace(made([evil], run(left)), tenant_name=EVIL))
    assert "<script" not in found
    assert "&lt;script&gt;" in found
    assert not re.search(r"(src|href)\s*=|https?://|url\(|@import", found), "nothing is loaded from elsewhere"
    assert "default-src 'none'" in found
    for section in ("What did not move, and why", "Servers", "Addresses", "Data, hashed at both ends", "Different on purpose", "For their owners to do", "Everything", "Findings of the plan", "Of kinds that are not moved"):  # fmt: skip
        assert f"<h2>{section}</h2>" in found
    assert "1 min 02 s" in found


def test_empty_sections_are_left_out() -> None:
    found = page(made([move(K.NETWORK, "n1")]))
    assert "<h2>Servers</h2>" not in found
    assert "Longest downtime</dt><dd>none" in found


def test_sizes_are_told_in_units() -> None:
    assert [size(n) for n in (0, 1023, 1536, 5 << 30, 1 << 60)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 GiB",
        "1024.0 PiB",
    ]
