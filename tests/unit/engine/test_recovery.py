"""A server takes up operations that lost their process, again and again, and lives on when the database does not answer."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from pumphouse.domain.errors import StoreFaultError
from pumphouse.domain.operation import Operation
from pumphouse.engine.recovery import Recovery

if TYPE_CHECKING:
    from pumphouse.engine.engine import Engine


class AnEngine:
    """Counts the looks; the first meets a database that is away."""

    def __init__(self) -> None:
        self.looks = 0
        self.enough = threading.Event()

    def recover(self) -> Sequence[Operation]:
        self.looks += 1
        if self.looks == 1:
            raise StoreFaultError("the database does not answer")
        if self.looks == 3:
            self.enough.set()
        return []


def test_it_looks_again_and_again_until_it_is_closed() -> None:
    engine = AnEngine()
    recovery = Recovery(cast("Engine", engine), every_s=0.01)
    recovery.start()
    assert engine.enough.wait(10)
    recovery.close()
    assert not recovery._thread.is_alive()
