"""Servers come over with their disks, volumes, addresses and power states; one that fails leaves nothing behind, and its source as it was.

`make check` takes a few points of the crash series, `make test` more; `PUMPHOUSE_CRASH_STRIDE=1` enumerates all of them.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pumphouse.domain.errors import CloudFaultError
from pumphouse.domain.migration import Detail
from pumphouse.domain.operation import ItemStatus, OperationStatus
from pumphouse.domain.resource import MoveState, ResourceKind, ref
from pumphouse.workflows.migrate_tenant.planner import DATA_WITH
from tests.fakes.servers import MEMORY
from tests.unit.workflows.server_rig import DISK, TENANT, VOLUME, ServerRig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
GIVEN = int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "61"))
STRIDE = {29: 7, 61: 17}.get(GIVEN, GIVEN)
K = ResourceKind


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ServerRig]:
    made = ServerRig(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("status", "disk", "acts"),
    [
        ("ACTIVE", DISK + MEMORY, []),
        ("SHUTOFF", DISK, ["web os-stop"]),
        ("PAUSED", DISK + MEMORY, ["web pause"]),
        ("SUSPENDED", DISK + MEMORY, ["web suspend"]),
        ("SHELVED_OFFLOADED", DISK, ["web shelve"]),
        ("SHELVED", DISK, ["web shelve"]),
    ],
)
def test_a_server_has_the_power_state_that_it_had(
    rig: ServerRig, status: str, disk: bytes, acts: list[str]
) -> None:
    server = rig.server("web", status)
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    made = rig.moved(server)
    wanted = "SHELVED_OFFLOADED" if status == "SHELVED" else status
    assert rig.target.status[made.id] == wanted
    assert rig.target.disks[made.id].startswith(disk)
    assert [act for act in rig.target.acts if act not in ("web os-start",)] == acts
    assert rig.source.status[server.id] == (status if status.startswith("SHELVED") else "SHUTOFF")
    assert made.fields["tags"] == ["a", "b"], "the mark is gone"
    assert made.fields["ports"] == [ref(K.PORT, "port-web-new")]
    assert rig.source.temporary() == rig.target.temporary() == []
    move = rig.move(server)
    assert move is not None
    assert move.state is MoveState.VERIFIED
    assert move.details[Detail.DIGEST].startswith("sha256:")
    assert (Detail.DOWNTIME in move.details) == (status == "ACTIVE")
    assert "snapshot" in move.details[Detail.VERIFIED]["image"]


def test_volumes_are_copied_when_their_server_is_down(rig: ServerRig) -> None:
    server = rig.server("db", "ACTIVE", root=True, volumes=2)
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    for number in (0, 1):
        assert rig.target.data[f"volume/volume-db-{number}-new"] == VOLUME
    assert rig.moved(server).fields["volumes"] == [
        {"volume": ref(K.VOLUME, f"volume-db-{n}-new"), "root": n == 0, "delete_on_termination": True}
        for n in (0, 1)
    ]
    assert not rig.images.sent, "it has no root disk of its own"


def test_a_stateless_server_boots_from_the_image(rig: ServerRig) -> None:
    server = rig.server("web")
    done = rig.run(stateless=True)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    made = rig.moved(server)
    assert rig.target.disks[made.id] == b"the base image"
    assert made.fields["image"] == ref(K.IMAGE, "image-new")
    assert not rig.images.sent


def test_floating_ips_are_released_before_they_lead_to_the_new_server(rig: ServerRig) -> None:
    server, address = rig.server("web"), rig.floating_ip("web")
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.source.things[f"floating_ip/{address}"].fields["port"] is None
    there = rig.target.things["floating_ip/fip-web-new"].fields
    assert there["port"] == ref(K.PORT, "port-web-new")
    assert there["fixed_ip_address"] == "10.0.0.5"
    assert rig.moved(server)


def test_locks_come_along(rig: ServerRig) -> None:
    server = rig.server("web", locked=True, locked_reason="do not touch")
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.moved(server).fields["locked"] is True
    assert rig.moved(server).fields["locked_reason"] == "do not touch"


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED_OFFLOADED"])
def test_one_that_does_not_boot_fails_alone_and_its_source_comes_back(rig: ServerRig, status: str) -> None:
    bad, good = rig.server("bad", status, volumes=1), rig.server("good")
    rig.floating_ip("bad")
    rig.target.unbootable.add("bad")
    before = {key: thing.fields for key, thing in rig.source.things.items()}
    done = rig.run()
    assert done.status is OperationStatus.DONE_WITH_ERRORS
    assert "no valid host" in rig.errors(done)
    assert rig.source.status[bad.id] == status
    assert {key: thing.fields for key, thing in rig.source.things.items()} == before
    assert [s.name for s in rig.target.made(K.SERVER)] == ["good"]
    assert rig.source.temporary() == rig.target.temporary() == []
    assert rig.move(bad) is None
    assert rig.moved(good)
    # its volume is copied anew by a retry: its source has been running
    rig.target.unbootable.clear()
    rig.source.data["volume/volume-bad-0-old"] = b"other data of a volum"
    retried = rig.retry(done)
    assert retried.status is OperationStatus.DONE, rig.errors(retried)
    assert rig.target.data["volume/volume-bad-0-new"] == b"other data of a volum"
    assert rig.target.status[rig.moved(bad).id] == status


def test_one_that_somebody_works_on_is_not_touched(rig: ServerRig) -> None:
    server = rig.server("web")
    rig.source.status[server.id] = "RESCUE"
    done = rig.run()
    assert "RESCUE" in rig.errors(done)
    assert rig.source.status[server.id] == "RESCUE"
    assert not rig.source.acts


def test_an_undo_leaves_both_clouds_as_they_were(rig: ServerRig) -> None:
    rig.server("web", "PAUSED", volumes=1)
    rig.server("db", "ACTIVE", root=True, volumes=2)
    rig.floating_ip("web")
    before, there = rig.source.world(), rig.target.snapshot()["things"]
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.target.snapshot()["things"] == there
    after = rig.source.world()
    assert after[0] == before[0]
    assert after[1] == before[1]
    assert not rig.moves.moves("old", "tenant-old", "new", kinds=[K.SERVER])


def test_a_fault_that_stays_is_endured_for_a_while_and_then_the_source_comes_back(rig: ServerRig) -> None:
    server = rig.server("web")
    point, faults = rig.life.point, []

    def between(where: str) -> None:
        point(where)
        if where == "new: before create server web":
            faults.append(where)
            raise CloudFaultError("new nova: POST /servers answered 500")

    rig.target.between = between
    done = rig.run()
    assert done.status is OperationStatus.DONE_WITH_ERRORS
    assert len(faults) == 5
    assert rig.source.status[server.id] == "ACTIVE"
    assert [i.status for i in rig.engine.items(done.id)] == [ItemStatus.FAILED]
    assert rig.source.temporary() == rig.target.temporary() == []
    assert sum(n for n in rig.images.sent.values()) == len(DISK + MEMORY), (
        "copied once, whatever failed afterwards"
    )


def test_an_unreachable_destination_does_not_keep_the_source_down(rig: ServerRig) -> None:
    server = rig.server("web")
    rig.target.unbootable.add("web")
    point = rig.life.point

    def between(where: str) -> None:
        point(where)
        if where == "new: before delete server":
            raise CloudFaultError("new nova: DELETE answered 503")

    rig.target.between = between
    done = rig.run()
    assert rig.source.status[server.id] == "ACTIVE"
    assert "503" in rig.errors(done)
    assert rig.move(server) is not None, "the record stays for those who clean up"
    rig.target.between = point
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert not rig.target.made(K.SERVER)


def test_a_way_back_on_which_a_cloud_stammers_is_gone_to_its_end(rig: ServerRig) -> None:
    server = rig.server("web")
    rig.target.unbootable.add("web")
    point, stammered = rig.life.point, set[str]()

    def between(where: str) -> None:
        point(where)
        if where in ("new: before delete server", "old: before act os-start web") and where not in stammered:
            stammered.add(where)
            raise CloudFaultError("nova answered 503")

    rig.target.between = rig.source.between = between
    done = rig.run()
    assert stammered
    assert done.status is OperationStatus.DONE_WITH_ERRORS
    assert rig.source.status[server.id] == "ACTIVE"
    assert rig.move(server) is None
    assert not rig.target.made(K.SERVER)


def test_a_shared_volume_is_not_copied_while_another_server_writes_to_it(rig: ServerRig) -> None:
    one, other = rig.server("one", volumes=1), rig.server("other")
    key = "volume/volume-one-0-old"
    attachments = [{"server": one.id}, {"server": other.id}]
    rig.source.things[key] = replace(rig.source.things[key], notes={"attachments": attachments})
    done = rig.run()
    assert "shares its volume" in rig.errors(done)
    assert rig.source.status[one.id] == "ACTIVE"
    retried = rig.retry(done)  # the other one has moved, and is down
    assert retried.status is OperationStatus.DONE, rig.errors(retried)
    assert rig.target.data["volume/volume-one-0-new"] == VOLUME


def test_a_volume_that_came_out_wrong_is_tried_again_with_its_server(rig: ServerRig) -> None:
    server, point, mended = rig.server("db", root=True, volumes=1), rig.life.point, False
    old, new = "volume/volume-db-0-old", "volume/volume-db-0-new"
    rig.source.change(old, bootable=True)
    (move,) = rig.moves.moves("old", TENANT, "new", kinds=[K.VOLUME])
    rig.moves.put_moves([replace(move, details={DATA_WITH: server.key})])

    def forgetful(where: str) -> None:
        point(where)
        if where == "new: after update volume" and not mended:
            rig.target.change(new, bootable=False)

    rig.target.between = forgetful
    done = rig.run()
    assert "bootable" in rig.errors(done)
    assert rig.source.status[server.id] == "ACTIVE"
    assert not rig.target.made(K.SERVER), "nothing is attached that is not as it should be"
    mended = True
    retried = rig.retry(done)
    assert retried.status is OperationStatus.DONE, rig.errors(retried)
    assert rig.moved(server).fields["volumes"][0]["volume"] == ref(K.VOLUME, "volume-db-0-new")
    assert rig.target.things[new].fields["bootable"] is True


def scene(folder: Path) -> ServerRig:
    rig = ServerRig(folder)
    rig.server("web", "PAUSED", volumes=1)
    rig.floating_ip("web")
    return rig


@pytest.mark.crash
def test_it_goes_on_after_a_crash_at_any_point(tmp_path: Path) -> None:
    rig = scene(tmp_path / "count")
    operation = rig.submit()
    rig.run_until_death(operation, 10**9)
    total = rig.life.passed
    rig.close()
    assert total > 40
    for number in range(1, total + 1, STRIDE):
        rig = scene(tmp_path / str(number))
        operation = rig.submit()
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        done = rig.engine.run(operation.id)
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        assert [(s.name, rig.target.status[s.id]) for s in rig.target.made(K.SERVER)] == [
            ("web", "PAUSED")
        ], where
        assert rig.target.data["volume/volume-web-0-new"] == VOLUME, where
        assert all(count == 1 for count in rig.volumes.sent.values()), where
        assert rig.source.temporary() == rig.target.temporary() == [], where
        assert rig.target.things["floating_ip/fip-web-new"].fields["port"], where
        assert rig.target.calls.count("create server web") == 1, where
        rig.close()


@pytest.mark.crash
def test_an_undo_after_a_crash_leaves_nothing(tmp_path: Path) -> None:
    rig = scene(tmp_path / "count")
    operation = rig.submit()
    rig.run_until_death(operation, 10**9)
    total = rig.life.passed
    rig.close()
    for number in range(2, total + 1, STRIDE):
        rig = scene(tmp_path / str(number))
        before, there = rig.source.world(), rig.target.snapshot()["things"]
        operation = rig.submit()
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        rig.engine.cancel(operation.id)
        rig.engine.run(operation.id)
        undone = rig.undo(operation)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
        assert rig.source.world()[:2] == before[:2], where
        assert rig.target.snapshot()["things"] == there, where
        rig.close()


@pytest.mark.crash
def test_an_undo_goes_on_after_its_crash(tmp_path: Path) -> None:
    rig = scene(tmp_path / "count")
    done = rig.run()
    rig.engine.undo(done.id)
    rig.run_until_death(done, 10**9)
    total = rig.life.passed
    rig.close()
    assert total > 15
    for number in range(3, total + 1, STRIDE):
        rig = scene(tmp_path / str(number))
        before, there = rig.source.world(), rig.target.snapshot()["things"]
        done = rig.run()
        rig.engine.undo(done.id)
        assert rig.run_until_death(done, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        undone = rig.engine.run(done.id)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
        assert rig.source.world()[:2] == before[:2], where
        assert rig.target.snapshot()["things"] == there, where
        rig.close()


def test_many_at_once_with_one_key(rig: ServerRig) -> None:
    rig.pair(K.KEYPAIR, "laptop", "alice-old/laptop", "alice-new/laptop")
    key = {"keypair": ref(K.KEYPAIR, "alice-old/laptop"), "key_name": "laptop"}
    made = [rig.server(f"web-{number}", **key) for number in range(6)]
    done = rig.run(parallel=4)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert [rig.moved(server).fields["key_name"] for server in made] == ["laptop"] * 6
    assert rig.target.keys == set()


def test_the_disk_of_a_shelved_server_goes_with_it_and_not_as_an_image_too(rig: ServerRig) -> None:
    server = rig.server("web", "SHELVED_OFFLOADED")
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.target.status[rig.moved(server).id] == "SHELVED_OFFLOADED"
    assert [each.name for each in rig.target.made(K.IMAGE)].count("web-shelved") == 1


def test_a_shelved_server_whose_image_is_gone_fails_alone(rig: ServerRig) -> None:
    server = rig.server("web", "SHELVED_OFFLOADED")
    for image in [each for each in rig.source.made(K.IMAGE) if each.name == "web-shelved"]:
        del rig.source.things[image.key]
    done = rig.run()
    assert "shelved" in rig.errors(done)
    assert rig.source.status[server.id] == "SHELVED_OFFLOADED"
    assert rig.move(server) is None


@pytest.mark.crash
def test_another_operation_goes_on_where_an_abandoned_one_was_cut_off(tmp_path: Path) -> None:
    rig = scene(tmp_path / "count")
    operation = rig.submit()
    rig.run_until_death(operation, 10**9)
    total = rig.life.passed
    rig.close()
    for number in range(4, total + 1, STRIDE):
        rig = scene(tmp_path / str(number))
        before = rig.source.world()
        operation = rig.submit()
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        rig.engine.cancel(operation.id)
        rig.forget_operation()
        move = next((m for m in rig.moves.known.values() if m.kind is K.SERVER), None)
        if move is not None and move.state is MoveState.VERIFIED:
            rig.close()
            continue
        done = rig.run()
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        assert [rig.target.status[s.id] for s in rig.target.made(K.SERVER)] == ["PAUSED"], where
        assert rig.target.things["floating_ip/fip-web-new"].fields["port"], where
        made_earlier = move is not None and bool(move.destination_id)
        undone = rig.undo(done)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
        if not made_earlier:  # else it is for a rollback to take back what the other operation has made
            assert rig.source.world()[:2] == before[:2], where
        assert bool(rig.target.made(K.SERVER)) == made_earlier, where
        rig.close()
