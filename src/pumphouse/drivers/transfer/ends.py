"""What the transfers need of a cloud; `Transport` of drivers/openstack is one, and `main` puts it here. Kept apart so that drivers do not know one another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

Params = Mapping[str, str | int | Sequence[str]]


class Spoken(Protocol):
    """Where a service answers."""

    def has(self, wanted: str) -> bool:
        """Whether it speaks this microversion."""
        ...


class CloudEnd(Protocol):
    """Requests to one cloud as its administrator. Errors are those of the domain; reads are tried again by themselves, writes are not."""

    environment: str

    def get(self, service: str, path: str, *, params: Params | None = None, microversion: str = "") -> Any:
        """The JSON body of a GET."""
        ...

    def rows(
        self, service: str, path: str, key: str, *, params: Params | None = None, microversion: str = ""
    ) -> list[dict[str, Any]]:
        """All rows of a list."""
        ...

    def write(
        self,
        service: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        microversion: str = "",
        content_type: str = "",
    ) -> Any:
        """The JSON body of what a write answers."""
        ...

    def delete(self, service: str, path: str, *, microversion: str = "") -> bool:
        """False when there was nothing there."""
        ...

    def download(self, service: str, path: str) -> Iterator[bytes]:
        """The body of a GET piece by piece."""
        ...

    def upload(self, service: str, path: str, pieces: Iterator[bytes], *, size: int | None = None) -> None:
        """PUT a body piece by piece, once."""
        ...

    def endpoint(self, service: str) -> Spoken:
        """Where a service answers."""
        ...

    def project_id(self) -> str:
        """The administrator's own project."""
        ...


EndOf = Callable[[str], CloudEnd]
"""Environment -> its cloud."""
