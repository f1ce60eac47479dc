"""`make demo`: the main job on two real clouds of this machine, told as it happens.

Types the commands that an operator would type, looks at the clouds with their own API afterwards, and sums up in plain words.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import openstack
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

PUMPHOUSE = str(Path(sys.executable).parent / "pumphouse")
NODE, OLD, NEW, SERVER = "node-3", "old", "next", "demo-first-server"
RELEASES = {OLD: "2023.1", NEW: "2026.2"}
CONTENTS = "flavors,volume_types,images,roles,quotas"
SETTLED = {"done", "done_with_errors", "cancelled", "undone"}
NEXT = (
    ("pumphouse operation list", "what was done; `operation show ID` for the steps"),
    (f"openstack --os-cloud {NEW} server delete {SERVER}", "(after the line with eval) and then"),
    ("pumphouse operation undo ID", "the way back: the node and its servers return"),
    ("pumphouse node evacuate old/node-2 --dry-run", "what an evacuation would do"),
    ("pumphouse node maintenance on old/node-1 --reason test", "no new server there"),
    ("pumphouse health run old --set smoke", "boots, attaches, snapshots, and cleans up"),
    ('eval "$(pumphouse lab env)"', "then: openstack --os-cloud old server list --all-projects"),
    ("pumphouse lab down", "stop both clouds; `--wipe` forgets them"),
)
console = Console()


def main() -> int:
    """Run the demo; 0 when every claim of the summary was checked at the clouds."""
    story = Story()
    console.print(
        Panel(
            f"A real OpenStack cloud starts on this machine: [b]{OLD}[/b] ({RELEASES[OLD]}, three compute nodes). It is duplicated under "
            f"{RELEASES[NEW]}: [b]{NEW}[/b], a controller only.\nThen [b]{NODE}[/b] is emptied while its servers live on, leaves {OLD}, "
            f"and serves in {NEW}.",
            title="Pumphouse demo",
        )
    )
    duplicate = ("env", "duplicate", OLD, "--name", NEW, "--release", RELEASES[NEW], "--contents", CONTENTS)
    story.chapter("The lab: the old cloud alone", start_lab)
    story.chapter("A believable workload in it", lambda: pumphouse("lab", "populate", OLD))
    story.chapter(
        f"{OLD} is duplicated under {RELEASES[NEW]}, and {NEW} compared with it, setting by setting",
        lambda: pumphouse(*duplicate, "--deploy", "--yes"),
    )
    story.chapter("Both clouds, before", show_clouds)
    old, new = cloud(OLD), cloud(NEW)
    before = placement(old)
    story.chapter(
        "The plan: nothing is changed yet",
        lambda: pumphouse("node", "move", f"{OLD}/{NODE}", "--to", NEW, "--dry-run"),
    )
    story.chapter(
        f"{NODE} is evacuated and moves from {OLD} to {NEW}",
        lambda: pumphouse("node", "move", f"{OLD}/{NODE}", "--to", NEW, "--yes"),
    )
    story.chapter(f"A server boots in {NEW}, on {NODE}", lambda: boot(new))
    story.chapter("Both clouds, after", show_clouds)
    return summary(story, before, placement(old), new)


class Story:
    """Chapters with their seconds; the first that fails ends the demo with its own words."""

    def __init__(self) -> None:
        self.begun = monotonic()
        self.chapters: list[tuple[str, float]] = []

    def chapter(self, title: str, tell: Callable[[], None]) -> None:
        console.print()
        console.print(Rule(f"[b]{len(self.chapters) + 1}. {title}", align="left"))
        begun = monotonic()
        try:
            tell()
        except subprocess.CalledProcessError as error:
            console.print(
                f"[red]`pumphouse {' '.join(error.cmd[1:])}` ended with exit code {error.returncode}; the demo stops here.[/red]"
            )
            console.print(
                "The lab is left as it is: `pumphouse lab status`, `pumphouse operation list`, `pumphouse lab logs SERVICE`."
            )
            sys.exit(error.returncode)
        self.chapters.append((title, monotonic() - begun))


def start_lab() -> None:
    """Bring the lab up; when an earlier run has moved the node already, or was left in the middle, start again with fresh clouds."""
    there = Path(lab_path(), "lab.json").exists()
    pumphouse("lab", "up", *([] if there else ["--cloud", f"{OLD}={RELEASES[OLD]}:3"]))
    insist_on_the_lab(OLD)
    unfinished = [o for o in answer("operation", "list") if o["status"] not in SETTLED]
    if unfinished or node_in_old() != "up" or NEW in {e["name"] for e in answer("env", "list")}:
        console.print(f"An earlier run has duplicated {OLD}, or moved {NODE}: fresh clouds, please.")
        pumphouse("lab", "reset")


def insist_on_the_lab(name: str) -> None:
    """The demo moves things about without asking: never in a cloud that only happens to have the same name."""
    found = answer("env", "show", name)
    if found["config_file"] != f"{lab_path()}/clouds.yaml":
        console.print(
            f"[red]The environment {name} is not the lab's but {found['config_file'] or 'a stored copy'}: the demo leaves it alone.[/red]\n"
            f"Run it with another PUMPHOUSE_STATE_DIR, or `pumphouse env remove {name}` first."
        )
        sys.exit(1)


def node_in_old() -> str:
    """The status of the node in the old cloud; "" when it is not there."""
    return next((n["status"] for n in answer("node", "list", "--env", OLD) if n["name"] == NODE), "")


def show_clouds() -> None:
    """What an operator looks at first."""
    pumphouse("env", "list")
    pumphouse("node", "list")


def boot(new: Connection) -> None:
    """A flavor, an image with real bytes and a server, by the new cloud's own API."""
    begun = monotonic()
    flavor = new.compute.find_flavor("demo.tiny") or new.compute.create_flavor(
        name="demo.tiny", ram=128, vcpus=1, disk=1
    )
    image = new.image.find_image("demo") or new.image.create_image(
        name="demo", disk_format="raw", container_format="bare", data=os.urandom(1 << 20)
    )
    server = new.compute.find_server(SERVER) or new.compute.create_server(
        name=SERVER, flavor_id=flavor.id, image_id=image.id, networks="none"
    )
    server = new.compute.wait_for_server(server, wait=120)
    console.print(
        f"{server.name} is {server.status} on {server.compute_host}, {monotonic() - begun:.0f} s after the first call."
    )


def summary(
    story: Story, before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]], new: Connection
) -> int:
    """Say what happened, from what the clouds answer now."""
    moved = {name for name, (host, _) in before.items() if host == NODE}
    table = Table(title=f"The servers that ran on {NODE}", title_justify="left")
    for heading in ("server", "was", "is", "state before", "state now", ""):
        table.add_column(heading)
    wrong = []
    for name in sorted(moved):
        (was, state), (now, state_now) = before[name], after.get(name, ("nowhere", "GONE"))
        fine = now not in {NODE, "nowhere"} and state == state_now
        wrong += [] if fine else [name]
        table.add_row(name, was, now, state, state_now, "[green]ok[/green]" if fine else "[red]wrong[/red]")
    untouched = sum(before[n] == after.get(n) for n in before if n not in moved)
    wrong += [n for n in before if n not in moved and before[n] != after.get(n)]
    hosts = {s.host: (s.status, s.state) for s in new.compute.services(binary="nova-compute")}
    served = new.compute.find_server(SERVER)
    serves = (
        hosts.get(NODE) == ("enabled", "up")
        and served is not None
        and new.compute.get_server(served.id).compute_host == NODE
    )

    console.print()
    console.print(Rule("[b]What happened", align="left"))
    console.print(table)
    times = Table(title="Times", title_justify="left")
    times.add_column("chapter")
    times.add_column("seconds", justify="right")
    for title, seconds in story.chapters:
        times.add_row(title, f"{seconds:.0f}")
    times.add_row("[b]in all[/b]", f"[b]{monotonic() - story.begun:.0f}[/b]")
    console.print(times)
    console.print(
        f"{len(moved)} servers left {NODE} and live on in {OLD}; the other {untouched} were not touched. "
        + (
            f"{NODE} is enabled and up in {NEW} and runs {SERVER}."
            if serves
            else f"[red]{NODE} does not serve in {NEW}.[/red]"
        )
    )
    for name in (OLD, NEW):
        console.print(health_before_and_after(name))
    if wrong:
        console.print(f"[red]Not as they were: {', '.join(sorted(wrong))}[/red]")
    tips = Table(
        title="What to try next (with .venv/bin in PATH)", title_justify="left", box=None, show_header=False
    )
    tips.add_column(style="bold")
    tips.add_column(style="dim")
    for command, what in NEXT:
        tips.add_row(command, what)
    console.print()
    console.print(tips)
    return 1 if wrong or not serves else 0


def health_before_and_after(environment: str) -> str:
    """The sanity checks that the move ran before it began and after it had ended."""
    runs = [r for r in answer("health", "show", environment, "--history") if r["set"] == "sanity"]
    after, before = (
        f"{sum(c['status'] == 'passed' for c in r['checks'])} passed, {sum(c['status'] == 'failed' for c in r['checks'])} failed"
        for r in runs[:2]
    )
    return f"Health of {environment}: before the move {before}; after it {after}."


def pumphouse(*words: str) -> None:
    """Type a command; its display goes to the screen."""
    console.print(f"[dim]$ pumphouse {' '.join(words)}[/dim]")
    sys.stdout.flush()
    # Ctrl-C belongs to the command on the screen: it asks what is meant, and its exit code ends the demo
    heard = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        subprocess.run([PUMPHOUSE, *words], check=True)
    finally:
        signal.signal(signal.SIGINT, heard)


def answer(*words: str) -> Any:
    """A command's JSON."""
    return json.loads(
        subprocess.run([PUMPHOUSE, *words, "-o", "json"], check=True, stdout=subprocess.PIPE).stdout
    )


def cloud(name: str) -> Connection:
    """The cloud itself, past Pumphouse."""
    config = OpenStackConfig(config_files=[f"{lab_path()}/clouds.yaml"], load_envvars=False)
    connection = openstack.connection.Connection(config=config.get_one(cloud=name))
    connection.compute.default_microversion = "2.79"
    return connection


def lab_path() -> str:
    """The lab's state directory."""
    return subprocess.run(
        [PUMPHOUSE, "lab", "path"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def placement(of: Connection) -> dict[str, tuple[str, str]]:
    """Server name -> (host, status), as Nova says."""
    return {s.name: (s.compute_host or "nowhere", s.status) for s in of.compute.servers(all_projects=True)}


if __name__ == "__main__":
    sys.exit(main())
