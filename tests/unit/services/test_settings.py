"""Settings are kept with their environment: readable when the cloud is away, completed by the deployer, read anew when asked to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, CredentialsError, DeployerError, NotFoundError
from pumphouse.domain.settings import SCHEMA, Setting
from tests.fakes.bench import Bench
from tests.fakes.clock import START


@dataclass
class Reader:
    """Counts how often a cloud was read; `fails` is what it meets."""

    rows: Sequence[Setting]
    reads: int = 0
    fails: Exception | None = None

    def read(self) -> Sequence[Setting]:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return self.rows


@pytest.fixture
def reader(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Reader:
    made = Reader(
        [
            Setting("release.name", "2023.1", "nova", START),
            Setting("network.mtu", None, "no API", START, known=False),
        ]
    )
    monkeypatch.setattr(bench.tools, "settings", lambda name: made)
    return made


def tells(bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Any]) -> None:
    monkeypatch.setattr(bench.tools, "deployer", lambda name: SimpleNamespace(settings=answer))


def test_they_are_read_once_and_kept(bench: Bench, reader: Reader) -> None:
    first = bench.services.settings.show("old")
    assert bench.services.settings.show("old") == first
    assert (reader.reads, first.release, first.environment) == (1, "2023.1", "old")
    bench.services.settings.show("old", refresh=True)
    assert reader.reads == 2


def test_the_deployer_completes_them(bench: Bench, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    tells(bench, monkeypatch, lambda: {"network.mtu": (9000, "neutron.conf")})
    assert bench.services.settings.show("old").value("network.mtu") == 9000


def test_a_deployer_that_cannot_be_asked_tells_nothing(
    bench: Bench, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> Any:
        raise DeployerError("gone")

    tells(bench, monkeypatch, fails)
    assert not bench.services.settings.show("old").values["network.mtu"].known


def test_a_cloud_that_is_away(bench: Bench, reader: Reader) -> None:
    reader.fails = CloudFaultError("no answer", hint="is it up?")
    with pytest.raises(CloudFaultError) as caught:
        bench.services.settings.show("old")
    assert caught.value.hint == "is it up?"
    reader.fails = None
    kept = bench.services.settings.show("old")
    reader.fails = CloudFaultError("no answer")
    assert bench.services.settings.show("old") == kept
    with pytest.raises(CloudFaultError) as caught:
        bench.services.settings.show("old", refresh=True)
    assert "without --refresh" in caught.value.hint
    assert bench.services.settings.show("old") == kept
    reader.fails = CredentialsError("no")
    with pytest.raises(CredentialsError):
        bench.services.settings.show("old", refresh=True)


def test_a_document_of_another_schema_is_read_anew(bench: Bench, reader: Reader) -> None:
    kept = bench.services.settings.show("old")
    bench.stores.put_settings(bench.stores.environment("old").id, replace(kept, schema=SCHEMA + 1))
    assert bench.services.settings.show("old").schema == SCHEMA
    assert reader.reads == 2


def test_who_is_removed_takes_them_along(bench: Bench, reader: Reader) -> None:
    bench.services.settings.show("old")
    gone = bench.stores.environment("old").id
    bench.services.environments.remove("old")
    assert bench.stores.settings(gone) is None
    with pytest.raises(NotFoundError):
        bench.stores.put_settings(gone, bench.services.settings.show("new"))


def test_two_side_by_side(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = {
        name: Reader([Setting("release.name", release, "nova", START)])
        for name, release in (("old", "2026.2"), ("new", "2023.1"))
    }
    monkeypatch.setattr(bench.tools, "settings", readers.__getitem__)
    found = bench.services.settings.diff("old", "new")
    assert [d.key for d in found.differences] == ["release.name"]
    assert [f.code for f in found.findings] == ["older-release"]
