"""Notifications as CloudEvents 1.0 (structured JSON) to a webhook. Made by `main` when `webhook_url` is set; fed by outbox.py."""

from typing import Any, ClassVar

import httpx
from typing_extensions import override

from pumphouse.domain.errors import TemporaryError
from pumphouse.domain.events import Event
from pumphouse.ports.notifier import Notifier

MEDIA_TYPE = "application/cloudevents+json"


class WebhookNotifier(Notifier):
    """POSTs to `url`. Receivers recognise a repeat by `id` (the event's number) with `source`."""

    name: ClassVar[str] = "webhook"

    def __init__(self, url: str, *, timeout_s: float, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(timeout=timeout_s, transport=transport, follow_redirects=False)

    @override
    def deliver(self, event: Event) -> None:
        try:
            response = self._http.post(
                self._url, json=cloud_event(event), headers={"Content-Type": MEDIA_TYPE}
            )
        except httpx.HTTPError as error:
            # the URL may hold a secret, so it is not repeated
            raise TemporaryError(f"the webhook does not answer ({type(error).__name__})") from error
        if not response.is_success:
            raise TemporaryError(f"the webhook answered {response.status_code}")

    def close(self) -> None:
        """Give back connections."""
        self._http.close()


def cloud_event(event: Event) -> dict[str, Any]:
    """The event in CloudEvents' JSON form."""
    return {
        "specversion": "1.0",
        "id": str(event.seq),
        "source": f"/pumphouse/environments/{event.environment}" if event.environment else "/pumphouse",
        "type": f"org.pumphouse.{event.type}",
        "subject": event.subject or None,
        "time": event.at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "message": event.message,
            "severity": str(event.severity),
            "environment": event.environment,
            "operation_id": event.operation_id,
            "step": event.step,
            **event.data,
        },
    }
