"""How fast the data of running items comes, and how long the rest will take; measured between the looks of one display. Used by display.py."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pumphouse.cli.tables import duration
from pumphouse.domain.amounts import size
from pumphouse.domain.migration import BYTES_DONE, BYTES_TOTAL

if TYPE_CHECKING:
    from pumphouse.wire.operation import ItemView

ENOUGH_S = 1.0
"""A rate of less time than that says nothing."""


@dataclass(slots=True)
class Pace:
    """Of all items of one operation. The first look at an item is where its measuring begins: a resumed copy has much behind it that no longer counts."""

    _first: dict[str, tuple[float, int]] = field(default_factory=dict)

    def line(self, item: "ItemView", now_s: float) -> str:
        """`256.0 MiB of 1.0 GiB, 96.0 MiB/s, about 8 s left`; empty for an item without data. `now_s` is any time in seconds."""
        done, total = item.result.get(BYTES_DONE), item.result.get(BYTES_TOTAL)
        if not isinstance(done, int) or not isinstance(total, int) or not total:
            return ""
        began, had = self._first.setdefault(item.id, (now_s, done))
        said = f"{size(done)} of {size(total)}"
        if now_s - began < ENOUGH_S or done <= had:
            return said
        rate = (done - had) / (now_s - began)
        return f"{said}, {size(int(rate))}/s, about {duration((total - done) / rate)} left"
