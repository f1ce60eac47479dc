"""The real clock; `main` hands it to everything. The one place in the product that sleeps."""

import time
import uuid
from datetime import UTC, datetime

from typing_extensions import override

from pumphouse.ports.clock import Clock


class SystemClock(Clock):
    """The machine's time."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)

    @override
    def monotonic(self) -> float:
        return time.monotonic()

    @override
    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))  # noqa: TID251 - this is the clock

    @override
    def new_id(self) -> str:
        return str(uuid.uuid4())
