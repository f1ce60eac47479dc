"""Both sets against a cloud in memory: every check passes, fails and skips for the right reasons, and leaves nothing behind."""

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, InvalidInputError
from pumphouse.domain.operation import ItemStatus
from pumphouse.ports.workbench import Kind, Listing
from pumphouse.workflows.check_health import CheckHealth
from pumphouse.workflows.check_health.sanity import SANITY
from pumphouse.workflows.check_health.smoke import SMOKE
from tests.unit.health.bench import FakeCloud, FakeContext, FakeTools, FakeWorkbench, run_set, statuses


def context(chosen: str, *, nodes: int = 3) -> FakeContext:
    return FakeContext(FakeTools(FakeWorkbench(), FakeCloud(nodes)), chosen)


def refuse(call: str, error: Exception | None = None):  # type: ignore[no-untyped-def]
    """Let one kind of call fail."""

    def before(made: str) -> None:
        if made == call:
            raise error or CloudRefusedError(f"{call}: no")

    return before


def test_sanity_passes_and_skips_what_the_cloud_does_not_have() -> None:
    ctx = context("sanity")
    run = run_set(ctx)
    found = statuses(run)
    assert list(found) == [check.name for check in SANITY]
    assert run["status"] == "passed"
    assert {n for n, s in found.items() if s == "skipped"} == {
        "list_stacks",
        "list_metrics",
        "internet_from_nodes",
        "dns_from_nodes",
    }
    assert all(check["detail"] for check in run["checks"])
    assert ctx.events == [
        ("health.passed", "health of old (sanity): 17 of 21 checks passed, 4 skipped", False)
    ]


@pytest.mark.parametrize(
    "listing", [x for x in Listing if x not in {Listing.STACKS, Listing.METRICS, Listing.AGENTS}]
)
def test_each_list_that_does_not_answer_fails_its_check_alone(listing: Listing) -> None:
    ctx = context("sanity")
    ctx.fake_tools.bench.before = refuse(f"count {listing}")
    run = run_set(ctx)
    assert run["status"] == "failed"
    assert list(statuses(run).values()).count("failed") == 1
    assert ctx.events[-1][0] == "health.failed"
    assert ctx.events[-1][2], "a failure is a notification"


def test_a_service_that_cannot_be_asked_is_an_error_and_not_a_failure() -> None:
    ctx = context("sanity")
    ctx.fake_tools.bench.before = refuse(f"count {Listing.SERVERS}", CloudFaultError("connection refused"))
    assert statuses(run_set(ctx))["list_servers"] == "error"


@pytest.mark.parametrize(
    ("binary", "check"),
    [("nova-conductor", "services_running"), ("cinder-volume", "services_running"), ("ovn", "agents_alive")],
)
def test_a_service_that_is_down_is_named(binary: str, check: str) -> None:
    ctx = context("sanity")
    ctx.fake_tools.fake_cloud.down = {binary}
    run = run_set(ctx)
    result = next(c for c in run["checks"] if c["name"] == check)
    assert result["status"] == "failed"
    assert f"{binary} on ctl" in result["detail"]
    assert result["seconds"] >= 60, "it is looked at again for a minute"


def test_a_service_that_comes_up_within_a_minute_passes() -> None:
    ctx = context("sanity")
    cloud = ctx.fake_tools.fake_cloud
    cloud.down = {"nova-conductor"}
    sleep = ctx.clock.sleep

    def later(seconds: float) -> None:
        sleep(seconds)
        if ctx.clock.monotonic() > 20:
            cloud.down = set()

    ctx.clock.sleep = later  # type: ignore[method-assign]
    assert statuses(run_set(ctx))["services_running"] == "passed"


def test_smoke_passes_and_leaves_nothing() -> None:
    ctx = context("smoke")
    run = run_set(ctx)
    assert statuses(run) == {check.name: "passed" for check in SMOKE}
    assert ctx.fake_tools.bench.things == {}


def test_smoke_without_nodes_skips_what_needs_them() -> None:
    ctx = context("smoke", nodes=0)
    found = statuses(run_set(ctx))
    assert {n for n, s in found.items() if s == "skipped"} == {c.name for c in SMOKE if c.nodes}
    assert set(found.values()) == {"passed", "skipped"}


def test_live_migration_needs_two_nodes() -> None:
    run = run_set(context("smoke", nodes=1))
    result = next(c for c in run["checks"] if c["name"] == "live_migration")
    assert (result["status"], result["detail"]) == (
        "skipped",
        "needs 2 compute nodes that are up and enabled; there is 1",
    )
    assert list(statuses(run).values()).count("skipped") == 1


@pytest.mark.parametrize(
    "outside", [("192.0.2.0/24",), ("192.0.0.0/16", "198.51.100.128/25"), ("2001:db8::/64",)]
)
def test_small_networks_lie_beside_the_external_one(outside: tuple[str, ...]) -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.give_addresses(*outside)
    found = statuses(run_set(ctx))
    assert (found["network"], found["floating_ip"]) == ("passed", "passed")


def test_floating_ip_is_skipped_without_an_external_network() -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.external = None
    found = statuses(run_set(ctx))
    assert found["floating_ip"] == "skipped"
    assert found["network"] == "passed"


def test_a_server_that_does_not_move_fails_with_the_state_of_its_migration() -> None:
    ctx = context("smoke")
    ctx.fake_tools.fake_cloud.moves = False
    result = next(c for c in run_set(ctx)["checks"] if c["name"] == "live_migration")
    assert result["status"] == "failed"
    assert "its migration is error" in result["detail"]


@pytest.mark.parametrize(
    ("call", "failed"),
    [
        ("create flavor", {c.name for c in SMOKE if c.nodes} | {"create_flavor"}),
        ("create server", {c.name for c in SMOKE if c.nodes}),
        ("create volume", {"attach_volume", "boot_from_volume"}),
        ("create router", {"network", "floating_ip"}),
        ("create floating IP", {"network", "floating_ip"}),
        ("create security group", {"security_group"}),
        ("create security group rule", {"security_group"}),
        ("create keypair", {"keypair"}),
        ("create user", {"user_login"}),
        ("attach", {"attach_volume"}),
        ("snapshot", {"snapshot_boot"}),
        ("plug", {"network", "floating_ip"}),
    ],
)
def test_what_the_cloud_refuses_fails_those_that_need_it_and_leaves_nothing(
    call: str, failed: set[str]
) -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.before = refuse(call)
    found = statuses(run_set(ctx))
    assert {n for n, s in found.items() if s == "failed"} == failed
    assert set(found.values()) <= {"passed", "failed"}
    assert ctx.fake_tools.bench.things == {}


@pytest.mark.parametrize(("kind", "check"), [(Kind.SERVER, "boot_server"), (Kind.VOLUME, "attach_volume")])
def test_a_thing_that_goes_to_error_fails_at_once(kind: Kind, check: str) -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.born[kind] = "ERROR"
    result = next(c for c in run_set(ctx)["checks"] if c["name"] == check)
    assert result["status"] == "failed"
    assert "went to ERROR" in result["detail"]
    assert result["seconds"] < 30
    assert ctx.fake_tools.bench.things == {}


def test_a_thing_that_never_gets_ready_fails_at_its_deadline() -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.born[Kind.SERVER] = "BUILD"
    result = next(c for c in run_set(ctx)["checks"] if c["name"] == "boot_server")
    assert result["status"] == "failed"
    assert "not within 300 s" in result["detail"]


def test_keystone_that_takes_any_password_fails() -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.log_in = lambda user, password: None  # type: ignore[method-assign]
    result = next(c for c in run_set(ctx)["checks"] if c["name"] == "user_login")
    assert (result["status"], "wrong password" in result["detail"]) == ("failed", True)


def test_what_cannot_be_removed_fails_the_check_that_made_it() -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.before = refuse("delete keypair")
    result = next(c for c in run_set(ctx)["checks"] if c["name"] == "keypair")
    assert result["status"] == "failed"
    assert "could not remove" in result["detail"]
    assert "delete keypair: no" in result["detail"]


def test_a_retry_runs_the_failed_ones_again_and_replaces_the_record() -> None:
    ctx = context("smoke")
    ctx.fake_tools.bench.before = refuse("create volume")
    assert run_set(ctx)["status"] == "failed"
    ctx.fake_tools.bench.before = lambda call: None
    run = run_set(ctx)
    assert run["status"] == "passed"
    assert len(ctx.fake_tools.runs) == 1
    assert set(ctx.items.values()) == {ItemStatus.DONE}
    assert ctx.fake_tools.bench.things == {}


def test_bad_parameters() -> None:
    workflow = CheckHealth()
    assert workflow.normalise({"environment": "old"}) == {"environment": "old", "set": "sanity"}
    with pytest.raises(InvalidInputError, match="set"):
        workflow.normalise({"environment": "old", "set": "all"})
    with pytest.raises(InvalidInputError, match="environment"):
        workflow.normalise({})
    with pytest.raises(InvalidInputError, match="sets"):
        workflow.normalise({"environment": "old", "sets": "smoke"})


def test_every_check_has_its_own_name_and_declares_what_it_makes() -> None:
    names = [c.name for c in (*SANITY, *SMOKE)]
    assert len(set(names)) == len(names)
    # prefixes decide what a check removes: none may be the beginning of another's
    for one in SMOKE:
        for other in SMOKE:
            assert one is other or not other.name.startswith(one.name), (one.name, other.name)
