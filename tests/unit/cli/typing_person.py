"""Somebody who types `pumphouse ...` in a test: the real command line over the application of a bench."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from typer.testing import CliRunner, Result

from pumphouse.cli.app import app
from pumphouse.cli.session import Connection, Options
from pumphouse.ports.clock import Clock
from tests.fakes.bench import Bench

# typer's runner makes the tree of commands anew for every line typed: a fifth of the time of these tests
typer.testing._get_command = cache(typer.testing._get_command)  # type: ignore[attr-defined]


class BenchWiring:
    """Connects the command line to a bench; `on_sleep` is called ahead of each wait of the watching."""

    def __init__(self, bench: Bench, *, in_process: bool = True) -> None:
        self._bench = bench
        self._in_process = in_process
        self.on_sleep: Callable[[], None] = lambda: None
        self.clock: Clock = _QuickClock(bench.clock, lambda: self.on_sleep())
        self.served: list[tuple[str | None, int | None]] = []

    def connect(self, options: Options) -> Connection:
        del options
        client = self._bench.client()
        return Connection(client, in_process=self._in_process, close=client.close)

    def serve(self, options: Options, host: str | None, port: int | None) -> None:
        del options
        self.served.append((host, port))


@dataclass
class _QuickClock:
    """The real time, with short naps."""

    real: Clock
    before: Callable[[], None]

    def now(self) -> Any:
        return self.real.now()

    def monotonic(self) -> float:
        return self.real.monotonic()

    def sleep(self, seconds: float) -> None:
        self.before()
        self.real.sleep(min(seconds, 0.02))

    def new_id(self) -> str:
        return self.real.new_id()


class Person:
    """Types commands and reads the answers."""

    def __init__(self, bench: Bench, *, in_process: bool = True) -> None:
        self.wiring = BenchWiring(bench, in_process=in_process)

    def __call__(self, *words: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(app, list(words), obj=self.wiring, input=answers)

    def json(self, *words: str, code: int = 0) -> Any:
        result = self(*words, "-o", "json")
        assert result.exit_code == code, (result.exit_code, result.output)
        # stdout holds the JSON document and nothing else
        return json.loads(result.stdout)


MAP = "names:\n  external_network:\n    public: ext-a\n  network_type: {vxlan: geneve}\n  network_mtu: {1450: 1442}\n"


def person_with_map(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """In a folder of his own, with the map that the toy migration of `old/acme` needs."""
    monkeypatch.chdir(folder)
    (folder / "map.yaml").write_text(MAP)
    return Person(bench)
