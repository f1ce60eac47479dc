"""How users that a migration has made get their passwords: hashes between the databases, one-time passwords in a file, and a word for whoever has neither."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from pumphouse.domain.migration import Detail
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.resource import ResourceKind
from pumphouse.drivers.onboarding import OnboardingFile
from pumphouse.ports.passwords import Carried, PasswordDatabase, PasswordHash
from tests.fakes.resources import FakeKind
from tests.fakes.toolbox import FakeToolbox
from tests.unit.workflows.migrate_rig import MigrateRig

K = ResourceKind
HASH = PasswordHash("$2b$x", 1, None, self_service=True)


class FakeDatabase(PasswordDatabase):
    def __init__(self, known: dict[str, PasswordHash], fate: Carried = Carried.CARRIED) -> None:
        self.known, self.fate = known, fate

    @override
    def hashes(self, user_ids: Sequence[str]) -> Mapping[str, PasswordHash]:
        return {each: self.known[each] for each in user_ids if each in self.known}

    @override
    def put(self, hashes: Mapping[str, PasswordHash]) -> Mapping[str, Carried]:
        if self.fate is Carried.CARRIED:
            self.known |= hashes
        return dict.fromkeys(hashes, self.fate)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[MigrateRig]:
    built = MigrateRig(tmp_path / "rig")
    yield built
    built.close()


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Databases by environment; answers what passwords are set."""

    def make(**databases: FakeDatabase) -> dict[str, str]:
        given: dict[str, str] = {}
        monkeypatch.setattr(FakeToolbox, "passwords", lambda _self, environment: databases.get(environment))
        monkeypatch.setattr(FakeToolbox, "onboarding", lambda _self, path: OnboardingFile(Path(path)))
        monkeypatch.setattr(
            FakeKind,
            "set_password",
            lambda _self, user_id, password: given.update({user_id: password}),
            raising=False,
        )
        return given

    return make


def detail(rig: MigrateRig) -> Mapping[str, Any]:
    (move,) = [each for each in rig.moves() if each.kind is K.USER]
    return {"id": move.destination_id, **move.details}


def test_hashes_go_over_once_and_nobody_needs_a_file(rig: MigrateRig, give: Any, tmp_path: Path) -> None:
    ann = rig.one(K.USER, "ann")
    new = FakeDatabase({})
    given = give(old=FakeDatabase({ann.id: HASH}), new=new)
    done = rig.run(onboarding=str(tmp_path / "people"))
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert new.known == {detail(rig)["id"]: HASH}
    assert detail(rig)["password_is"] == Carried.CARRIED
    assert given == {}
    assert not (tmp_path / "people").exists()


@pytest.mark.crash
def test_without_databases_he_is_told_of_and_a_second_run_can_help(
    rig: MigrateRig, give: Any, tmp_path: Path
) -> None:
    given = give()
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert "no password" in detail(rig)[Detail.TODO]
    again = rig.run(onboarding=str(tmp_path / "people"))
    assert again.status is OperationStatus.DONE, rig.errors(again)
    found = detail(rig)
    assert (found["password_is"], Detail.TODO in found) == (Carried.ONBOARDED, False)
    assert given == {
        found["id"]: OnboardingFile(tmp_path / "people").password_for(found["id"], "ann", "Default")
    }
    assert '"domain": "Default"' in (tmp_path / "people").read_text()
    assert given[found["id"]] not in repr(rig.world())


@pytest.mark.crash
def test_a_hash_that_cannot_be_checked_there_gives_way_to_the_file(
    rig: MigrateRig, give: Any, tmp_path: Path
) -> None:
    ann = rig.one(K.USER, "ann")
    given = give(old=FakeDatabase({ann.id: HASH}), new=FakeDatabase({}, Carried.UNKNOWN_ALGORITHM))
    rig.run(onboarding=str(tmp_path / "people"))
    assert detail(rig)["password_is"] == Carried.ONBOARDED
    assert list(given) == [detail(rig)["id"]]


@pytest.mark.crash
def test_whoever_has_no_password_in_the_source_gets_none(rig: MigrateRig, give: Any, tmp_path: Path) -> None:
    given = give(old=FakeDatabase({}), new=FakeDatabase({}))
    rig.run(onboarding=str(tmp_path / "people"))
    assert (detail(rig)["password_is"], given) == (Carried.NONE, {})
