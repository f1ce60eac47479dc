"""How the services find and keep the way into a cloud, without knowing files or keys. Implemented by drivers/entries.py."""

from collections.abc import Mapping
from typing import Protocol

from pumphouse.domain.environment import CloudAccess


class CloudEntries(Protocol):
    """Finds entries of clouds.yaml files, and takes what OS_* variables tell."""

    def find(self, cloud: str, config_file: str | None) -> CloudAccess:
        """The access to entry `cloud`, by reference to the (absolute) file that holds it; the usual places are searched when no file is named.

        Raises:
            InvalidInputError: no such file, no such entry, or an entry that lacks something; the hint names what was searched and found.
        """
        ...

    def seal(self, access: CloudAccess) -> CloudAccess:
        """The same access with the entry's settings sealed into it, so that the file is no longer needed."""
        ...

    def seal_variables(self, name: str, variables: Mapping[str, str]) -> CloudAccess:
        """The access to the cloud that OS_* variables tell (of a shell, or an openrc file), sealed; `name` is what it is called.

        Raises:
            InvalidInputError: a variable is missing or wrong; names it and the remedy, never a secret.
        """
        ...
