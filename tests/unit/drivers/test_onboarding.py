"""The file with one-time passwords: written before they are used, readable for one, never overwritten."""

import json
import stat
from pathlib import Path

import pytest

from pumphouse.domain.errors import ConflictError, InvalidInputError
from pumphouse.drivers.onboarding import OnboardingFile


def test_a_password_is_in_the_file_and_the_same_when_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    first = OnboardingFile(path)
    alice, bob = first.password_for("1", "alice", "Default"), first.password_for("2", "böb", "Default")
    assert alice != bob
    assert len(alice) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    about, *rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert "about" in about
    assert rows == [
        {"user_id": "1", "domain": "Default", "name": "alice", "password": alice},
        {"user_id": "2", "domain": "Default", "name": "böb", "password": bob},
    ]
    assert OnboardingFile(path).password_for("1", "alice", "Default") == alice


def test_a_line_that_a_crash_cut_off_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    OnboardingFile(path).password_for("1", "alice", "Default")
    with path.open("a") as file:
        file.write('{"user_id": "2", "passw')
    again = OnboardingFile(path)
    password = again.password_for("2", "bob", "Default")
    assert json.loads(path.read_text().splitlines()[-1])["password"] == password
    path.write_text("")
    assert OnboardingFile(path).password_for("3", "carol", "Default") == OnboardingFile(path).password_for(
        "3", "carol", "Default"
    )


def test_another_s_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letters.txt"
    path.write_text("dear\n")
    path.chmod(0o600)
    with pytest.raises(ConflictError, match="another file"):
        OnboardingFile(path).password_for("1", "alice", "Default")
    assert path.read_text() == "dear\n"
    path.chmod(0o640)
    with pytest.raises(InvalidInputError, match="only you can read"):
        OnboardingFile(path).password_for("1", "alice", "Default")
    with pytest.raises(InvalidInputError, match="directory does not exist"):
        OnboardingFile(tmp_path / "none" / "x").password_for("1", "alice", "Default")
