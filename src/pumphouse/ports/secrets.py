"""Sealing of credentials before they are stored."""

from typing import Protocol


class Secrets(Protocol):
    """Encrypts small texts with a key that lives outside the database."""

    def seal(self, clear: str) -> str:
        """Encrypt; the result may be stored and is safe to log (but is not)."""
        ...

    def unseal(self, sealed: str) -> str:
        """Decrypt.

        Raises:
            CredentialsError: the key does not fit.
        """
        ...
