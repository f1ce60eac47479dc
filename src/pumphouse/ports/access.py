"""How the services find and keep the way into a cloud, without knowing files or keys. Implemented by drivers/entries.py."""

from typing import Protocol

from pumphouse.domain.environment import CloudAccess


class CloudEntries(Protocol):
    """Finds entries of clouds.yaml files."""

    def find(self, cloud: str, config_file: str | None) -> CloudAccess:
        """The access to entry `cloud`, by reference to the (absolute) file that holds it; the usual places are searched when no file is named.

        Raises:
            InvalidInputError: no such file, no such entry, or an entry that lacks something; the hint names what was searched and found.
        """
        ...

    def seal(self, access: CloudAccess) -> CloudAccess:
        """The same access with the entry's settings sealed into it, so that the file is no longer needed."""
        ...
