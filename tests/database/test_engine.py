"""One operation through failure, retry and undo on each kind of database: TaskFlow's logbook included."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from pumphouse.domain.errors import CloudFaultError, StoreFaultError
from pumphouse.domain.operation import ItemStatus, OperationStatus
from pumphouse.drivers.database import migrate
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


def test_the_newest_migration_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_a_database_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    for url in (
        f"sqlite:///{tmp_path}/none/x.db",
        f"postgresql://x:hunter2@/x?host={tmp_path}",
        "mariadb://x:hunter2@127.0.0.1:1/x",
    ):
        with pytest.raises(StoreFaultError) as caught:
            Stores(url)
        assert "hunter2" not in str(caught.value)
