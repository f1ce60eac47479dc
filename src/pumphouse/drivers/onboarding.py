"""A file with one-time passwords for users whose own could not be carried over; the workflow's step asks for each user. Its path is the operator's choice.

The file is made once, readable for its owner only (0600), in a directory that exists; one line of JSON per user: `{"user_id", "domain", "name", "password"}`. A line is on
the disk before its password is used, so a crash never leaves a user with a password that nobody knows. Nothing of it is logged, kept in our database or shown.

Whether a user must change it at his first login is decided by the destination's Keystone: `[security_compliance] change_password_upon_first_use = true` makes
every password that an administrator sets expire at once, but for users with the option `ignore_change_password_upon_first_use`; no API asks for it for one user. A user
with the option `lock_password` cannot change his password at all: the file's first line says so to the operator.
"""

import json
import os
import secrets
import stat
import threading
from pathlib import Path
from typing import Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, InvalidInputError
from pumphouse.ports.passwords import Onboarding

_BYTES: Final = 24
"""32 characters: more than any rule for length asks for, fewer than the 54 at which bcrypt is cut off (keystone/conf/identity.py, max_password_length)."""
_ABOUT: Final = {
    "about": "one-time passwords of migrated users: hand each out to its user alone, and delete this file. "
    "Unless Keystone's change_password_upon_first_use is on, ask them to change it at once; users with the option lock_password cannot."
}


class OnboardingFile(Onboarding):
    """Safe for use by many threads; a second process, or the same one after a crash, goes on with the file that is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, str] | None = None

    @override
    def password_for(self, user_id: str, name: str, domain: str) -> str:
        with self._lock:
            known = self._read()
            if user_id not in known:
                # all four classes, as rules for passwords (password_regex) ask for
                password = secrets.token_urlsafe(_BYTES) + "-aA1"
                self._append({"user_id": user_id, "domain": domain, "name": name, "password": password})
                known[user_id] = password
            return known[user_id]

    def _read(self) -> dict[str, str]:
        if self._known is None:
            self._known = self._load() if self._path.exists() else self._make()
        return self._known

    def _make(self) -> dict[str, str]:
        if not self._path.parent.is_dir():
            raise InvalidInputError(
                "onboarding file",
                str(self._path),
                "its directory does not exist",
                hint="make it, for yourself only",
            )
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(handle)
        self._append(_ABOUT)
        return {}

    def _load(self) -> dict[str, str]:
        mode = self._path.stat().st_mode
        if self._path.is_symlink() or not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
            raise InvalidInputError(
                "onboarding file",
                str(self._path),
                "it is no file that only you can read",
                hint=f"chmod 600 {self._path}",
            )
        found: dict[str, str] = {}
        if not self._path.stat().st_size:  # made, and then the process died
            self._append(_ABOUT)
        for number, line in enumerate(self._path.read_text().splitlines()):
            row = _row(line)
            if number == 0 and row != _ABOUT:
                raise ConflictError(
                    f"{self._path} is another file: nothing is written to it",
                    hint="name one that does not exist",
                )
            # a line that a crash has cut off was never used
            if row.get("user_id") and row.get("password"):
                found[row["user_id"]] = row["password"]
        return found

    def _append(self, row: dict[str, str]) -> None:
        text = json.dumps(row, ensure_ascii=False)
        cut = self._path.stat().st_size and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{chr(10) if cut else ''}{text}\n")
            file.flush()
            os.fsync(file.fileno())


def _row(line: str) -> dict[str, str]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
