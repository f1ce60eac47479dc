"""What the migration's lab tests stand on: both clouds with `lab populate`'s tenants and the rich one, and the means to look at them. Used by test_migrate.py."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pumphouse.lab import Lab
from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.console import Running, Said
from tests.lab.independent import portable, whole
from tests.lab.independent_reading import Reader
from tests.lab.moving_lab import ready_for_moves
from tests.lab.rich_asking import Asker
from tests.lab.rich_tenant import RichTenant, rich_tenant

RICH = "rich"
TENANTS = ("acme", "globex", "initech", RICH)
SLOW_S = 1500


@dataclass
class Scene:
    """Both clouds, ready to be migrated between."""

    lab: TestLab
    rich: RichTenant
    member: Asker
    """of the rich tenant, with a token from before"""

    @property
    def machine(self) -> Lab:
        return Lab(self.lab.directory)

    def asker(self, cloud: str) -> Asker:
        return Asker(self.lab.cloud(cloud))

    def project(self, cloud: str, name: str) -> str:
        (found,) = self.asker(cloud).get("identity", f"/projects?name={name}")["projects"]
        return str(found["id"])

    def tenant(self, cloud: str, name: str) -> Any:
        """What the independent comparison compares."""
        clouds.wait_ports_up(self.lab.cloud(cloud), self.lab.neutron_log(cloud))
        reader = Reader(self.lab.cloud(cloud), self.machine, cloud, self.project(cloud, name))
        return portable(reader.everything())

    def picture(self, cloud: str, *, strict: bool = False) -> dict[str, Any]:
        """Everything in a cloud, of everybody."""
        clouds.wait_ports_up(self.lab.cloud(cloud), self.lab.neutron_log(cloud))
        return whole(Reader(self.lab.cloud(cloud), self.machine, cloud).everything(), strict=strict)

    def migrate(self, *words: str) -> tuple[str, ...]:
        return ("tenant", "migrate", *words, "--to", "new", "--yes", "-o", "json")


def make_scene(lab: TestLab) -> Scene:
    """`lab populate` and the rich tenant side by side; floating IPs can keep their addresses in `new`."""
    ready_for_moves(lab)
    with ThreadPoolExecutor(2) as pool:
        populated = (
            None if lab.populated else pool.submit(lab.console, "lab", "populate", "old", timeout_s=900)
        )
        rich = pool.submit(rich_tenant, lab.cloud("old"), Lab(lab.directory), "old", RICH)
        if populated is not None:
            said = populated.result()
            assert said.code == 0, said.err[-4000:]
            lab.populated = True
        return Scene(lab, rich.result(), rich.result().people.log_in("ops"))


@dataclass
class Watched:
    """A command while it ran."""

    said: Said
    peak_mib: float
    seen: list[Any]


def watch(running: Running, look: Any, timeout_s: float = SLOW_S) -> Watched:
    """Wait for a command; meanwhile note its peak of memory, and what `look` sees, twice a second."""
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(running.wait, timeout_s)
        peak, seen = 0.0, []
        status = Path(f"/proc/{running.process.pid}/status")
        while not ended.done():
            for line in _lines(status):
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) / 1024)
            seen.append(look())
            time.sleep(0.5)
        return Watched(ended.result(), peak, seen)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []  # it has just ended
