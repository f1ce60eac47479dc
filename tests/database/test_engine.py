"""One operation through failure, retry and undo on each kind of database: TaskFlow's logbook included."""

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pumphouse.domain.errors import CloudFaultError
from pumphouse.domain.operation import ItemStatus, OperationStatus
from pumphouse.drivers.database.stores import Stores
from pumphouse.drivers.database.tables import metadata
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from tests.fakes.clock import FakeClock
from tests.fakes.marks import MarkWorkflow, World

if TYPE_CHECKING:
    from pumphouse.ports.toolbox import Toolbox


def test_an_operation_fails_is_retried_and_undone(stores: Stores) -> None:
    world, broken = World(), {"move-1:before", "commit:before"}

    def hook(point: str) -> None:
        if point in broken:
            raise CloudFaultError(f"no answer at {point}")

    world.hook = hook
    engine = Engine(stores, cast("Toolbox", None), [MarkWorkflow(world)], FakeClock(), EngineSettings())
    operation = engine.submit("mark", {}, engine.plan("mark", {}))
    failed = engine.run(operation.id)
    assert failed.status is OperationStatus.FAILED
    assert failed.steps[1].counts == {ItemStatus.DONE: 2, ItemStatus.FAILED: 1}
    broken.discard("move-1:before")
    engine.retry(operation.id)
    assert engine.run(operation.id).steps[2].error == "no answer at commit:before"
    broken.clear()
    engine.retry(operation.id)
    assert engine.run(operation.id).status is OperationStatus.DONE
    engine.undo(operation.id)
    assert engine.run(operation.id).status is OperationStatus.UNDONE
    assert world.marks() == set()
    with cast("sa.Engine", stores.database).connect() as connection:
        states = connection.execute(sa.text("SELECT name, state FROM flowdetails")).all()
    # MariaDB keeps no fractions of seconds here, so the order is not to be had
    expected = [
        ("forward", "SUCCESS"),
        ("forward", "SUSPENDED"),
        ("forward", "SUSPENDED"),
        ("undo", "SUCCESS"),
    ]
    assert sorted(tuple(row) for row in states) == expected
    engine.close()


def test_the_migrations_make_what_the_tables_say(stores: Stores) -> None:
    with cast("sa.Engine", stores.database).connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []
