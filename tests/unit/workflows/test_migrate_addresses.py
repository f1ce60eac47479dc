"""Floating IPs that lead to no server go over after the last one: released in the source first, given back by whatever goes wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError, ConflictError
from pumphouse.domain.migration import ROLLBACK_KIND
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.resource import ResourceKind, ref
from pumphouse.engine.step import Step, StepContext
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.finishing import MoveAddresses, put_back_address
from pumphouse.workflows.migrate_tenant.kinds.floating_ip import KIND
from pumphouse.workflows.migrate_tenant.servers import CopyServers
from tests.unit.workflows.server_rig import MigrateServers, Rows, ServerRig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
K = ResourceKind
ALONE, FORWARDING = "fip-alone", "fip-forwarding"
FORWARDINGS = [
    {
        "protocol": "tcp",
        "external_ports": "2222",
        "internal_ports": "22",
        "internal_ip_address": "10.0.0.7",
        "internal_port": ref(K.PORT, "port-alone-old"),
        "description": "",
    }
]


class MigrateAddresses(MigrateServers):
    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [Rows(), CopyServers(), MoveAddresses()]


class PutBack(Step):
    """What rolling back does with each floating IP."""

    name: ClassVar[str] = "put_back"
    title: ClassVar[str] = "Put back"

    @override
    def do(self, ctx: StepContext) -> None:
        book = Book.of(ctx)
        for move in book.moves():
            if move.kind is K.FLOATING_IP:
                put_back_address(ctx, book, KIND, move)


class Rollback(MigrateServers):
    kind: ClassVar[str] = ROLLBACK_KIND

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [PutBack()]


class AddressRig(ServerRig):
    """A port that is no server's with an address of its own, an address that forwards single ports, and a server with one."""

    _template: ClassVar[Path | None] = None
    workflows = (MigrateAddresses, Rollback)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pair(K.PORT, "", "port-alone-old", "port-alone-new")
        self.address(ALONE, port=ref(K.PORT, "port-alone-old"), fixed_ip_address="10.0.0.7")
        self.address(FORWARDING, port_forwardings=FORWARDINGS)
        self.server("web")
        self.floating_ip("web")

    def address(self, id: str, **leads: Any) -> None:
        nothing = {"port": None, "fixed_ip_address": None, "port_forwardings": [], "address": "203.0.113.6"}
        made = self.pair(K.FLOATING_IP, "203.0.113.6", f"{id}-old", f"{id}-new", **nothing)
        self.source.things[made.key] = replace(made, fields={**made.fields, **leads})

    def leads(self, id: str) -> tuple[Any, ...]:
        """(port, forwarded port) in the source, and the same in the destination."""
        found: list[Any] = []
        for cloud, key in ((self.source, f"floating_ip/{id}-old"), (self.target, f"floating_ip/{id}-new")):
            fields = cloud.things[key].fields
            found.append((fields["port"] or {}).get("$ref"))
            found.append([each["internal_port"]["$ref"] for each in fields["port_forwardings"]])
        return tuple(found)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[AddressRig]:
    made = AddressRig(tmp_path)
    yield made
    made.close()


HERE = {ALONE: ("port/port-alone-old", [], None, []), FORWARDING: (None, ["port/port-alone-old"], None, [])}
THERE = {ALONE: (None, [], "port/port-alone-new", []), FORWARDING: (None, [], None, ["port/port-alone-new"])}


def leading(rig: AddressRig) -> dict[str, tuple[Any, ...]]:
    return {each: rig.leads(each) for each in (ALONE, FORWARDING)}


def test_they_lead_to_the_same_things_in_the_destination(rig: AddressRig) -> None:
    assert leading(rig) == HERE
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert leading(rig) == THERE
    items = [item for item in rig.stores.items(done.id) if item.step == MoveAddresses.name]
    assert {item.key for item in items} == {f"led/floating_ip/{each}-old" for each in (ALONE, FORWARDING)}


def test_none_leads_to_both_clouds_at_any_moment(rig: AddressRig) -> None:
    between, seen = rig.source.between, []

    def look(where: str) -> None:
        between(where)
        for each in (ALONE, FORWARDING):
            here, forwarded, there, forwarding = rig.leads(each)
            seen.append(bool((here or forwarded) and (there or forwarding)))

    for cloud in rig.clouds.values():
        cloud.between = look
    assert rig.run().status is OperationStatus.DONE
    assert len(seen) > 20
    assert not any(seen)


def test_an_undo_gives_them_back(rig: AddressRig) -> None:
    done = rig.run()
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert leading(rig) == HERE


@pytest.mark.crash
@pytest.mark.parametrize("error", [ConflictError("HTTP 409"), CloudFaultError("HTTP 500")])
def test_one_that_cannot_go_over_leads_where_it_led(rig: AddressRig, error: Exception) -> None:
    """An address that leads nowhere until somebody retries would be an outage that nobody has asked for."""
    between = rig.target.between

    def refuse(where: str) -> None:
        between(where)
        fields = rig.source.things[f"floating_ip/{ALONE}-old"].fields
        if where == "new: before update floating_ip" and fields["port"] is None and broken:
            raise error

    broken = True
    rig.target.between = refuse
    done = rig.run()
    assert done.status is OperationStatus.DONE_WITH_ERRORS
    assert rig.leads(ALONE) == HERE[ALONE]
    broken = False
    assert rig.retry(done).status is OperationStatus.DONE
    assert leading(rig) == THERE


def points(folder: Path, *, undo: bool = False) -> int:
    rig = AddressRig(folder)
    operation = rig.submit()
    if undo:
        rig.engine.run(operation.id)
        rig.engine.undo(operation.id)
    rig.run_until_death(operation, 10**9)
    rig.close()
    return rig.life.passed


@pytest.mark.crash
def test_a_crash_at_any_point_of_it_changes_nothing(tmp_path: Path) -> None:
    total = points(tmp_path / "count")
    tried = 0
    for number in range(total, 0, -3):
        rig = AddressRig(tmp_path / str(number))
        operation = rig.submit()
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        begun = any(item.step == MoveAddresses.name for item in rig.stores.items(operation.id))
        rig.reboot()
        if begun:
            tried += 1
            done = rig.engine.run(operation.id)
            assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
            assert leading(rig) == THERE, where
            undone = rig.undo(done)
            assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
            assert leading(rig) == HERE, where
        rig.close()
        if not begun:
            break
    assert tried >= 5


def test_a_rollback_gives_them_back_from_the_records_alone(rig: AddressRig) -> None:
    assert rig.run().status is OperationStatus.DONE
    rig.forget_operation()
    assert rig.run(ROLLBACK_KIND).status is OperationStatus.DONE
    for own, (port, forwarded, *_) in HERE.items():
        fields = rig.source.things[f"floating_ip/{own}-old"].fields
        assert (fields["port"] or {}).get("$ref") == port
        assert [each["internal_port"]["$ref"] for each in fields["port_forwardings"]] == forwarded
        assert f"floating_ip/{own}-new" not in rig.target.things
