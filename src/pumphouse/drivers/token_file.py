"""The server's own bearer token in a file that only its user can read. Used by `main` for the server and for clients on the same machine."""

import os
import secrets
from pathlib import Path

from pumphouse.domain.errors import InvalidInputError


def read(path: Path) -> str | None:
    """The token, or None when there is no such file."""
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None


def read_or_make(path: Path) -> str:
    """The token; the file is made (0600) when there is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = read(path)
        if found:
            path.chmod(0o600)
            return found
        path.unlink()
        return read_or_make(path)
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w") as file:
        file.write(token + "\n")
    return token


def read_needed(path: Path) -> str:
    """The token that a client shows to a server.

    Raises:
        InvalidInputError: there is none.
    """
    found = read(path)
    if found is None:
        raise InvalidInputError(
            "PUMPHOUSE_TOKEN",
            "",
            "a server wants a token",
            hint=f"set it, or copy the server's token file to {path}",
        )
    return found
