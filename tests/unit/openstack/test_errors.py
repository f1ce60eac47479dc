"""The translation table of foreign errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from keystoneauth1 import exceptions as ks

from pumphouse.domain.errors import (
    CloudFaultError,
    CloudRefusedError,
    CredentialsError,
    NotFoundError,
    PumphouseError,
)
from pumphouse.drivers.openstack.errors import error_of_exception, error_of_response


@dataclass
class Reply:
    status_code: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.text)


WHAT = "old nova: GET /servers/4"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, CloudRefusedError), (401, CredentialsError), (403, CredentialsError), (404, NotFoundError), (405, CloudRefusedError),
        (406, CloudRefusedError), (409, CloudFaultError), (413, CloudRefusedError), (429, CloudFaultError), (500, CloudFaultError),
        (502, CloudFaultError), (503, CloudFaultError), (504, CloudFaultError),
    ],
)  # fmt: skip
def test_each_status_has_its_error(status: int, kind: type[PumphouseError]) -> None:
    error = error_of_response(WHAT, "/servers/4", Reply(status, "{}", {"x-openstack-request-id": "req-7"}))
    assert type(error).__mro__[0] is kind or isinstance(error, kind)
    assert WHAT in error.message
    assert "req-7" in error.message
    assert error.message == str(error)


@pytest.mark.parametrize(
    "body",
    [
        '{"badRequest": {"code": 400, "message": "the words"}}',
        '{"NeutronError": {"type": "X", "message": "the words", "detail": ""}}',
        '{"error": {"code": 401, "message": "the words", "title": "Unauthorized"}}',
        '{"errors": [{"status": 409, "title": "Conflict", "detail": "the words"}]}',
        '{"message": "the words"}',
        "<html><body><h1>the words</h1></body></html>",
        "the words",
    ],
)
def test_the_words_of_each_service_are_found(body: str) -> None:
    assert "the words" in error_of_response(WHAT, "/servers/4", Reply(400, body)).message


def test_not_found_says_what() -> None:
    error = error_of_response(WHAT, "/os-services/ab12", Reply(404, "{}"))
    assert isinstance(error, NotFoundError)
    assert (error.kind, error.name) == ("service", "ab12")


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0), ("soon", 0.0), ("-1", 0.0)]
)
def test_retry_after_is_honoured(value: str, seconds: float) -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    error = error_of_response(WHAT, "/", Reply(503, "{}", {"Retry-After": value}), now=now)
    assert isinstance(error, CloudFaultError)
    assert error.after_s == seconds


@pytest.mark.parametrize(
    "text",
    [
        '{"error": {"message": "token gAAAABsesame-sesame-sesame is bad"}}',
        '{"error": {"message": "http://admin:gAAAABsesame@host/ failed"}}',
        '{"error": {"message": "http://admin:sesame@host/ failed"}}',
        '{"error": {"message": "sent password=sesame to you"}}',
    ],
)
def test_secrets_are_struck_out(text: str) -> None:
    assert "sesame" not in error_of_response(WHAT, "/", Reply(400, text)).message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ks.ConnectFailure("refused"), CloudFaultError),
        (ks.ConnectTimeout("timed out"), CloudFaultError),
        (ks.UnknownConnectionError("odd", ValueError()), CloudFaultError),
        (ks.SSLError("certificate verify failed"), CloudRefusedError),
        (ks.Unauthorized("no"), CredentialsError),
        (ks.Forbidden("no"), CredentialsError),
        (ks.InternalServerError("oops"), CloudFaultError),
        (ks.DiscoveryFailure("no versions"), CloudFaultError),
        (ks.EndpointNotFound("no endpoint"), CloudRefusedError),
        (ks.MissingRequiredOptions([]), CredentialsError),
        (ConnectionResetError("reset"), CloudFaultError),
        (ValueError("not JSON"), CloudRefusedError),
    ],
)
def test_each_exception_has_its_error(error: Exception, kind: type[PumphouseError]) -> None:
    found = error_of_exception(WHAT, error)
    assert type(found) is kind
    assert WHAT in found.message
