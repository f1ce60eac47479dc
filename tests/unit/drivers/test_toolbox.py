"""The toolbox opens a cloud again when its environment has changed, and closes none under somebody's hands."""

from dataclasses import replace
from typing import Any

import pytest

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.drivers.toolbox import DriverToolbox
from tests.fakes.clock import START
from tests.fakes.toolbox import MemoryEnvironments


class Opened:
    def __init__(self, cloud: str) -> None:
        self.cloud = cloud
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def records() -> MemoryEnvironments:
    made = MemoryEnvironments()
    made.add_environment(Environment("id-old", "old", CloudAccess("first"), None, {}, START))
    return made


@pytest.fixture
def tools(records: Any) -> DriverToolbox:
    def opened(environment: Environment) -> Any:
        return Opened(environment.access.cloud)

    return DriverToolbox(
        records,
        open_cloud=opened,
        open_workbench=opened,
        open_tenants=opened,
        open_prober=opened,
        open_settings=opened,
        open_furnisher=opened,
        open_resources=opened,
        load_deployer=opened,
    )


def test_a_replaced_cloud_is_closed_with_the_process_and_not_before(
    tools: DriverToolbox, records: MemoryEnvironments
) -> None:
    first: Any = tools.cloud("old")
    bench: Any = tools.workbench("old")
    assert tools.cloud("old") is first
    records.known["old"] = replace(records.known["old"], access=CloudAccess("second"))
    second: Any = tools.cloud("old")
    assert (first.cloud, second.cloud) == ("first", "second")
    tools.forget("old")
    third = tools.cloud("old")
    assert third is not second
    assert [one.closed for one in (first, second, bench)] == [0, 0, 0]
    tools.close()
    tools.close()
    assert [one.closed for one in (first, second, third, bench)] == [1, 1, 1, 1]
