"""What the engine itself costs: operations with 100, 1,000 and 10,000 items that do nothing, on SQLite in a file.

Each size runs in a process of its own, so that its peak memory is its own. Run: python benchmarks/engine_overhead.py
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.step import ItemStep, NewItem, Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.ports.clock import Clock

if TYPE_CHECKING:
    from pumphouse.ports.toolbox import Toolbox

# items, and how many at once: one at a time is the dear case, as nothing can be written together
RUNS = ((100, 8), (1_000, 8), (10_000, 8), (1_000, 1))


class WallClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: TID251  # the real clock

    def new_id(self) -> str:
        return str(uuid.uuid4())


class Nothing(ItemStep):
    name: ClassVar[str] = "nothing"
    title: ClassVar[str] = "do nothing"

    def __init__(self, count: int, width: int) -> None:
        self.count = count
        self.width = width

    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        return [
            NewItem(
                str(n),
                f"server-{n}",
                "server",
                {"method": "live", "target": f"node-{n % 20}"},
                (f"target:{n % 20}",),
            )
            for n in range(self.count)
        ]

    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any]:
        return {"host": item.data["target"]}

    def parallel(self, ctx: StepContext) -> int:
        return self.width

    def limits(self, ctx: StepContext) -> Mapping[str, int]:
        return {f"target:{n}": 2 for n in range(20)}


class DoNothing(Workflow):
    kind: ClassVar[str] = "nothing"

    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return params

    def title(self, params: Mapping[str, Any]) -> str:
        return "do nothing"

    def environment(self, params: Mapping[str, Any]) -> str:
        return "none"

    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return ["node:none/none"]

    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        return Plan(self.kind, "do nothing", "", self.planned_steps(params))

    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [Nothing(params["count"], params["parallel"])]


def measure(count: int, width: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        stores = Stores(f"sqlite:///{Path(directory) / 'bench.db'}")
        engine = Engine(stores, cast("Toolbox", None), [DoNothing()], WallClock(), EngineSettings())
        params = {"count": count, "parallel": width}
        operation = engine.submit("nothing", params, engine.plan("nothing", params))
        cpu, wall = time.process_time(), time.monotonic()
        done = engine.run(operation.id)
        figures = {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}
        assert done.status == "done", done.error
        engine.close()
        stores.close()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"items": count, **figures, "rss_mib": rss}


def main() -> None:
    print(f"{'items':>7} {'at once':>8} {'CPU s':>8} {'CPU ms/item':>12} {'wall s':>8} {'peak RSS MiB':>13}")
    for size, width in RUNS:
        output = subprocess.run(
            [sys.executable, __file__, str(size), str(width)], check=True, capture_output=True, text=True
        ).stdout
        row = json.loads(output)
        per_item = 1000 * row["cpu_s"] / row["items"]
        print(
            f"{size:>7} {row['cpu_s']:>8.2f} {per_item:>12.2f} {row['wall_s']:>8.2f} {row['rss_mib']:>13.1f}"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()
