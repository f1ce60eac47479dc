"""Secrets sealed with Fernet keys from a file outside the database. Made by `main`; used when an environment is added with `--store`.

The file holds one key a line; the first seals, all unseal. To rotate: put a new key on top (`python -c "from cryptography.fernet import
Fernet; print(Fernet.generate_key().decode())"`), add the environments again, remove the old key.
"""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from pumphouse.domain.errors import CredentialsError, InvalidInputError
from pumphouse.ports.secrets import Secrets

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class KeyFileSecrets(Secrets):
    """Keys are read when they are needed first; the file is made then if there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @override
    def seal(self, clear: str) -> str:
        from cryptography.fernet import MultiFernet

        return MultiFernet(self._keys()).encrypt(clear.encode()).decode()

    @override
    def unseal(self, sealed: str) -> str:
        from cryptography.fernet import InvalidToken, MultiFernet

        try:
            return MultiFernet(self._keys()).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise CredentialsError(
                f"no key in {self._path} opens the stored credentials",
                hint="put the key they were sealed with back into the file, or add the environment again",
            ) from error

    def rotate(self, sealed: str) -> str:
        """The same secret sealed with the first key of the file."""
        return self.seal(self.unseal(sealed))

    def _keys(self) -> list["Fernet"]:
        from cryptography.fernet import Fernet

        if not self._path.exists():
            _make(self._path, Fernet.generate_key())
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if mode & 0o077:
            raise InvalidInputError(
                "key file",
                str(self._path),
                f"others may read it (mode {mode:04o})",
                hint=f"chmod 600 {self._path}",
            )
        lines = [line.strip() for line in self._path.read_text().splitlines()]
        try:
            keys = [Fernet(line) for line in lines if line and not line.startswith("#")]
        except ValueError as error:
            # the error would not repeat a key, but neither do we risk it
            raise InvalidInputError(
                "key file",
                str(self._path),
                "a line in it is not a Fernet key",
                hint="one key a line, 44 characters of base64",
            ) from error
        if not keys:
            raise InvalidInputError(
                "key file", str(self._path), "it holds no key", hint="remove the file to have a new one made"
            )
        return keys


def _make(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return  # another process was quicker; its key is as good
    with os.fdopen(handle, "wb") as file:
        file.write(key + b"\n")
