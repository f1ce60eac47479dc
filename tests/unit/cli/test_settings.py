"""`env settings` and `env diff` as a person and a script see them."""

import json
from typing import Any

import pytest
import yaml

from pumphouse.domain.settings import Setting
from tests.fakes.bench import Bench
from tests.fakes.clock import START
from tests.unit.cli.typing_person import Person

FLAVORS = [{"name": "m1.small", "vcpus": 1, "ram_mib": 512, "disk_gib": 1}]


class Reader:
    def __init__(self, **values: Any) -> None:
        self.values = values

    def read(self) -> list[Setting]:
        known = [Setting(k.replace("__", "."), v, "GET /somewhere", START) for k, v in self.values.items()]
        return [*known, Setting("network.mtu", None, "no API tells it", START, known=False)]


@pytest.fixture
def readers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Reader]:
    made = {
        "old": Reader(release__name="2023.1", contents__flavors=FLAVORS, network__extensions=["qos"], compute__cpu_allocation_ratio=4.0,
                      service__image__endpoints={"public": "http://admin:sesame@old/"}),
        "new": Reader(release__name="2026.2", contents__flavors=[], network__extensions=[], compute__cpu_allocation_ratio=4.0,
                      service__image__endpoints={"public": "http://new/"}),
    }  # fmt: skip
    monkeypatch.setattr(bench.tools, "settings", made.__getitem__)
    return made


@pytest.fixture
def person(bench: Bench, readers: dict[str, Reader]) -> Person:
    return Person(bench)


def test_settings_in_each_form(person: Person) -> None:
    found = person.json("env", "settings", "old")
    assert {"id", "name", "status", "environment", "schema_number", "read_at"} <= found.keys()
    assert found["settings"]["compute.cpu_allocation_ratio"]["value"] == 4.0
    assert found["settings"]["network.mtu"] == {
        "value": None,
        "known": False,
        "source": "no API tells it",
        "read_at": START.isoformat().replace("+00:00", "Z"),
    }
    assert yaml.safe_load(person("env", "settings", "old", "-o", "yaml").stdout) == found
    table = person("env", "settings", "old").stdout
    assert "unknown" in table
    assert "GET /somewhere" in table
    assert table.index("RELEASE") < table.index("NETWORK") < table.index("CONTENTS")
    assert "sesame" not in table + json.dumps(found)


def test_refresh_reads_anew(person: Person, readers: dict[str, Reader]) -> None:
    person.json("env", "settings", "old")
    readers["old"].values["compute__cpu_allocation_ratio"] = 2.0
    key = "compute.cpu_allocation_ratio"
    assert person.json("env", "settings", "old")["settings"][key]["value"] == 4.0
    assert person.json("env", "settings", "old", "--refresh")["settings"][key]["value"] == 2.0


def test_a_difference_is_no_failure_but_a_critical_finding_is(person: Person) -> None:
    found = person.json("env", "diff", "old", "new")
    assert (found["status"], found["equal"]) == ("different", 1)
    assert [d["key"] for d in found["differences"]][-1] == "service.image.endpoints"
    assert {f["code"] for f in found["findings"]} == {"extension-missing", "not-known"}
    back = person.json("env", "diff", "new", "old", code=1)
    assert (back["status"], back["findings"][0]["code"]) == ("blocked", "older-release")


def test_the_table_of_differences(person: Person) -> None:
    table = person("env", "diff", "old", "new").stdout
    assert (
        table.index("extension-missing") < table.index("release.name") < table.index("1 settings are equal")
    )
    assert "m1.small" in table
    assert "network.mtu" in table


def test_the_same_twice(person: Person) -> None:
    assert person.json("env", "diff", "old", "old")["status"] == "same"


@pytest.mark.parametrize("words", [("settings", "nope"), ("diff", "old", "nope"), ("diff", "nope", "old"), ("diff", "old")])  # fmt: skip
def test_unknown_environments_and_wrong_usage(person: Person, words: tuple[str, ...]) -> None:
    assert person("env", *words).exit_code == 2
