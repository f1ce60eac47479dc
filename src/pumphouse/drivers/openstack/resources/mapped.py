"""What all kinds have in common that Pumphouse never makes: domain.py, volume_type.py and zone.py build on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.ports.resources import KindDriver


class Mapped(KindDriver):
    """Things of the cloud's operator: they are found, and everything else is refused."""

    kind: ResourceKind

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        raise self._refusal(name)

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        raise self._refusal(id)

    @override
    def delete(self, id: str) -> None:
        raise self._refusal(id)

    def _refusal(self, name: str) -> ConflictError:
        what = self.kind.replace("_", " ")
        return ConflictError(
            f"{what} {name} belongs to the cloud's operator: Pumphouse neither makes, changes nor removes it",
            hint=f"make it in the destination, or map it to another {what} in the plan",
        )
