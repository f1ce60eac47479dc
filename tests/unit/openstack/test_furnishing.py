"""Contents are made once, completed after a cut, refused when they contradict; an image that arrives damaged is not kept. The cloud is a dictionary."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, ConflictError, NotFoundError
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.furnishing import MARK, OpenStackFurnisher
from tests.fakes.clock import FakeClock

FLAVOR = {"name": "big", "vcpus": 8, "ram_mib": 64, "disk_gib": 1, "ephemeral_gib": 0, "swap_mib": 0, "rxtx_factor": 1.0, "public": True,
          "disabled": False, "description": "", "extra_specs": {"hw:cpu_policy": "dedicated"}}  # fmt: skip
BYTES = b"an operating system"
IMAGE = {"name": "linux", "disk_format": "raw", "container_format": "bare", "min_disk_gib": 1, "min_ram_mib": 0, "size_bytes": len(BYTES),
         "protected": True, "hidden": False, "hash_algorithm": "sha512", "hash": hashlib.sha512(BYTES).hexdigest(), "tags": ["ours"],
         "properties": {"os_type": "linux"}}  # fmt: skip


class Http:
    """As much of Transport as furnishing uses, over rows in memory; `faults` are paths whose next write fails with a 500."""

    def __init__(self) -> None:
        self.flavors: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.roles: list[dict[str, Any]] = []
        self.implies: set[str] = set()
        self.written: list[str] = []
        self.faults: set[str] = set()
        self.bytes: dict[str, bytes] = {}
        self.damage = False

    def rows(self, service: str, path: str, key: str, **params: Any) -> list[dict[str, Any]]:
        wanted = (params.get("params") or {}).get("name", "")
        hidden = (params.get("params") or {}).get("os_hidden")
        rows = {"flavors": self.flavors, "images": self.images, "roles": self.roles}[key]
        if key == "images":
            return [r for r in rows if str(r["os_hidden"]).lower() == hidden]
        return [r for r in rows if not wanted or r["name"] == wanted]

    def get(self, service: str, path: str, **_: Any) -> Any:
        if path.startswith("/images/"):
            return next(r for r in self.images if r["id"] == path.split("/")[2])
        if "/implies/" in path and path not in self.implies:
            raise NotFoundError("role", path)
        return {}

    def write(self, service: str, method: str, path: str, *, json: Any = None, **_: Any) -> Any:
        self.written.append(f"{method} {path}")
        if path in self.faults:
            self.faults.discard(path)
            raise CloudFaultError("500")
        if path == "/flavors":
            body = json["flavor"]
            made = {**body, "id": f"f{len(self.flavors)}", "extra_specs": {}}
            self.flavors.append(made)
            return {"flavor": made}
        if path.endswith("/os-extra_specs"):
            self.flavors[0]["extra_specs"].update(json["extra_specs"])
        elif path == "/images":
            made = {**json, "id": f"i{len(self.images)}", "status": "queued", "protected": False}
            self.images.append(made)
            return made
        elif method == "PATCH":
            row = self.get("image", path)
            row.update({change["path"][1:]: change["value"] for change in json})
        elif "/implies/" in path:
            assert path not in self.implies, "Keystone answers 409"
            self.implies.add(path)
        return {}

    def upload(self, service: str, path: str, pieces: Iterator[bytes]) -> None:
        row = self.get("image", path)
        arrived = b"".join(pieces)
        if path in self.faults:
            self.faults.discard(path)
            row["status"] = "saving"
            raise CloudFaultError("the connection was cut")
        arrived = b"x" + arrived if self.damage else arrived
        row |= {"status": "active", "size": len(arrived), "os_hash_algo": "sha512"}
        row["os_hash_value"] = hashlib.sha512(arrived).hexdigest()

    def download(self, service: str, path: str) -> Iterator[bytes]:
        return iter([BYTES[:5], BYTES[5:]])

    def delete(self, service: str, path: str, **_: Any) -> bool:
        self.images = [r for r in self.images if path != f"/images/{r['id']}" or r["protected"]]
        return True

    def offers(self, service: str) -> bool:
        return True


def furnisher(http: Http) -> OpenStackFurnisher:
    made = OpenStackFurnisher("x", CloudSettings("x", "password", {}), FakeClock())
    made.close()
    made._http = http  # type: ignore[assignment]  # only what furnishing uses of it
    return made


class Source:
    def __init__(self, content: bytes = BYTES) -> None:
        self._content = content

    def content(self, kind: str, name: str) -> Iterator[bytes]:
        return iter([self._content])


def test_a_flavor_is_made_once() -> None:
    http = Http()
    made = furnisher(http)
    assert made.furnish("flavor", FLAVOR) == made.furnish("flavor", FLAVOR)
    assert http.written == ["POST /flavors", "POST /flavors/f0/os-extra_specs"]


def test_a_flavor_that_was_cut_off_is_completed() -> None:
    http = Http()
    http.faults = {"/flavors/f0/os-extra_specs"}
    with pytest.raises(CloudFaultError):
        furnisher(http).furnish("flavor", FLAVOR)
    furnisher(http).furnish("flavor", FLAVOR)
    assert [f["extra_specs"] for f in http.flavors] == [FLAVOR["extra_specs"]]


@pytest.mark.parametrize("change", [{"vcpus": 4}, {"extra_specs": {"hw:cpu_policy": "shared"}}])
def test_another_flavor_of_that_name_is_a_conflict(change: Mapping[str, Any]) -> None:
    http = Http()
    furnisher(http).furnish("flavor", FLAVOR)
    with pytest.raises(ConflictError, match="another flavor big"):
        furnisher(http).furnish("flavor", {**FLAVOR, **change})


def test_a_role_implies_another_once() -> None:
    http = Http()
    http.roles = [{"id": "a", "name": "admin"}, {"id": "b", "name": "auditor"}]
    row = {"name": "admin -> auditor", "prior": "admin", "implied": "auditor"}
    for _ in range(2):
        assert furnisher(http).furnish("implied_role", row) == "a/b"
    http.roles.pop()
    with pytest.raises(NotFoundError):
        furnisher(http).furnish("implied_role", row)


def test_an_image_is_public_and_protected_only_when_its_bytes_are_there() -> None:
    http = Http()
    made = furnisher(http)
    made.furnish("image", IMAGE)
    assert (http.images[0]["visibility"], http.images[0]["protected"]) == ("private", False)
    for _ in range(2):
        made.copy_from(Source(), "image", IMAGE)  # type: ignore[arg-type]
    assert len(http.images) == 1
    assert (http.images[0]["visibility"], http.images[0]["protected"]) == ("public", True)
    assert http.images[0]["os_type"] == "linux"
    made.clear("image", "linux")
    assert http.images == []


def test_an_upload_that_was_cut_off_is_made_anew() -> None:
    http = Http()
    http.faults = {"/images/i0/file"}
    made = furnisher(http)
    with pytest.raises(CloudFaultError):
        made.copy_from(Source(), "image", IMAGE)  # type: ignore[arg-type]
    made.copy_from(Source(), "image", IMAGE)  # type: ignore[arg-type]
    assert [i["status"] for i in http.images] == ["active"]


@pytest.mark.parametrize("where", ["on its way to us", "at its destination"])
def test_a_damaged_image_is_not_kept(where: str) -> None:
    http = Http()
    http.damage = where == "at its destination"
    with pytest.raises(ConflictError, match="not kept"):
        furnisher(http).copy_from(Source(BYTES if http.damage else b"other"), "image", IMAGE)  # type: ignore[arg-type]
    assert http.images == []


def test_what_somebody_else_has_made_is_not_cleared() -> None:
    http = Http()
    http.images = [{"id": "i9", "name": "linux", "os_hidden": False, "tags": [], "protected": False}]
    furnisher(http).clear("image", "linux")
    assert [i["id"] for i in http.images] == ["i9"]
    assert MARK not in http.images[0]["tags"]


def test_neutrons_default_quotas_are_the_deployers_to_set() -> None:
    with pytest.raises(ConflictError, match="neutron cannot be set") as refused:
        furnisher(Http()).furnish("quota", {"name": "neutron", "limits": {"network": 5}})
    assert "--set" in refused.value.hint
