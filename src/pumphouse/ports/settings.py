"""What is asked of a cloud about how it is built. Implemented by drivers/openstack/settings.py."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pumphouse.domain.settings import Setting


class SettingsReader(Protocol):
    """Reads the settings of one cloud through its APIs. Safe for use by many threads; errors as in ports/cloud.py."""

    environment: str

    def read(self) -> Sequence[Setting]:
        """Every setting that the cloud's APIs tell, and those that they do not tell as unknown. One request per list page; the number of requests does
        not grow with flavors, networks, aggregates or nodes beyond their pages.
        """
        ...


class Furnisher(Protocol):
    """Contents that belong to a cloud, by their kind: flavor, volume_type, image, aggregate, quota, external_network, role, implied_role (a pair
    `prior`, `implied` of role names), domain.
    """

    def contents(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Those of this cloud as plain rows without ids of their own or references to other things; each has `name`."""
        ...

    def furnish(self, kind: str, row: Mapping[str, Any]) -> str:
        """Make one from such a row; answers its id. What a call that was cut off has left is completed; one of this name that contradicts the row raises
        ConflictError. A quota is set.
        """
        ...

    def content(self, kind: str, name: str) -> Iterator[bytes]:
        """The bytes of one that has some (an image), piece by piece."""
        ...

    def copy_from(self, source: "Furnisher", kind: str, row: Mapping[str, Any]) -> None:
        """Bring what does not fit into a row and is not there yet: the bytes of an image, streamed and their checksum compared. Nothing for other kinds.

        Raises:
            ConflictError: what has arrived is not what was sent; it is not kept.
        """
        ...

    def tenant_things(self) -> Mapping[str, Sequence[str]]:
        """What tenants have in this cloud, by kind (servers, volumes, networks, images), as names; empty while nobody uses it. Kinds with nothing are left
        out.
        """
        ...

    def clear(self, kind: str, name: str) -> None:
        """Remove one that `furnish` made; an unknown one is no error."""
        ...
