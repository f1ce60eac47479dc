"""A small client for keystone and its neighbours: just what the lab needs to furnish a cloud and to ask how it is."""

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from pumphouse.lab.errors import LabError

Json = dict[str, Any]


class CloudAnswerError(LabError):
    """A cloud's API answered with an error; `passing` if it may be another answer in a moment."""

    code: ClassVar[str] = "lab-cloud-answer"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.passing = status >= httpx.codes.INTERNAL_SERVER_ERROR


class CloudClient:
    """Signed in as the administrator of one cloud."""

    def __init__(self, keystone_url: str, password: str, *, timeout_s: float = 120) -> None:
        self._http = httpx.Client(timeout=timeout_s, trust_env=False)
        self._keystone = f"{keystone_url}/v3"
        name = {"name": "Default"}
        scope = {"project": {"name": "admin", "domain": name}}
        user = {"name": "admin", "domain": name, "password": password}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = self._checked(self._http.post(f"{self._keystone}/auth/tokens", json=body))
        self._http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self.project_id: str = answer.json()["token"]["project"]["id"]

    def get(self, url: str, **query: str) -> Json:
        found: Json = self._checked(self._http.get(url, params=query)).json()
        return found

    def post(self, url: str, body: Mapping[str, Any]) -> Json:
        made: Json = self._checked(self._http.post(url, json=body)).json()
        return made

    def put(self, url: str, body: Mapping[str, Any] | None = None) -> None:
        self._checked(self._http.put(url, json=body))

    def keystone(self, path: str) -> str:
        return f"{self._keystone}/{path}"

    @staticmethod
    def _checked(answer: httpx.Response) -> httpx.Response:
        if answer.is_error:
            asked = f"{answer.request.method} {answer.request.url.path}"
            raise CloudAnswerError(
                f"{asked} was answered {answer.status_code}: {answer.text[:300]}", status=answer.status_code
            )
        return answer
