"""Requests to a cloud's public APIs by hand, and waiting for what they begin. Used by the rich tenant's files."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openstack.connection import Connection

from tests.lab.clouds import wait_for

NOVA = "2.95"
CINDER = "3.70"
_VERSIONS = {"compute": NOVA, "block_storage": CINDER}


class Asker:
    """One person's way into one cloud; a refused request fails the test with the cloud's own words."""

    def __init__(self, cloud: Connection) -> None:
        self.cloud = cloud

    def ask(self, method: str, service: str, path: str, **options: Any) -> Any:
        proxy = getattr(self.cloud, service)
        answer = proxy.request(path, method, microversion=_VERSIONS.get(service), raise_exc=False, **options)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        is_json = "json" in answer.headers.get("Content-Type", "") and answer.content
        return answer.json() if is_json else answer

    def get(self, service: str, path: str) -> Any:
        return self.ask("GET", service, path)

    def put(self, service: str, path: str, body: Any = None) -> Any:
        return self.ask("PUT", service, path, **({"json": body} if body is not None else {}))

    def post(self, service: str, path: str, body: Any) -> Any:
        return self.ask("POST", service, path, json=body)

    def make(self, service: str, path: str, key: str, **fields: Any) -> str:
        """Make one thing; its id."""
        return str(self.post(service, path, {key: fields})[key]["id"])

    def act(self, service: str, path: str, **action: Any) -> None:
        self.post(service, f"{path}/action", action)

    def until(self, service: str, path: str, key: str, *statuses: str) -> dict[str, Any]:
        """Wait for a status; an error ends it at once."""

        def there() -> Any:
            row = self.get(service, path)[key]
            assert "error" not in row["status"].lower(), row
            return row if row["status"] in statuses and not row.get("OS-EXT-STS:task_state") else None

        found: dict[str, Any] = wait_for(f"{path} {statuses}", there, 180, 0.5)
        return found


def at_once(calls: Iterable[Callable[[], object]], workers: int = 6) -> None:
    """Run them side by side; the first failure is raised."""
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()
