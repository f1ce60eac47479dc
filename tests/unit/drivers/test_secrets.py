"""Sealing with a key file: made once, private, rotated."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from pumphouse.domain.errors import CredentialsError, InvalidInputError
from pumphouse.drivers import token_file
from pumphouse.drivers.secrets.key_file import KeyFileSecrets


def test_what_is_sealed_is_unreadable_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state" / "keys"
    sealed = KeyFileSecrets(path).seal("hunter2")
    assert "hunter2" not in sealed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyFileSecrets(path).unseal(sealed) == "hunter2"


def test_a_new_key_on_top_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    secrets = KeyFileSecrets(path)
    before = secrets.seal("x")
    old = path.read_text()
    path.write_text(f"# rotated\n{Fernet.generate_key().decode()}\n{old}")
    after = secrets.rotate(before)
    path.write_text("\n".join(path.read_text().splitlines()[:2]))
    assert secrets.unseal(after) == "x"
    with pytest.raises(CredentialsError, match="no key") as caught:
        secrets.unseal(before)
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", "# nothing\n", "not-a-key\n"])
def test_a_bad_key_file_is_explained_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(InvalidInputError) as caught:
        KeyFileSecrets(path).seal("x")
    assert "not-a-key" not in str(caught.value)
    assert caught.value.hint


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    KeyFileSecrets(path).seal("x")
    path.chmod(0o644)
    with pytest.raises(InvalidInputError, match="0644"):
        KeyFileSecrets(path).seal("x")


def test_the_token_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "token"
    assert token_file.read(path) is None
    token = token_file.read_or_make(path)
    assert len(token) > 30
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token_file.read_or_make(path) == token == token_file.read(path)
    path.write_text("\n")
    assert token_file.read_or_make(path) not in {"", token}
