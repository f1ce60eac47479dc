"""OS_* variables become the way into a cloud; each that is missing or wrong is named with a remedy, and no secret is repeated."""

import pytest

from pumphouse.domain.errors import InvalidInputError
from pumphouse.drivers.openstack.variables import settings_from

GOOD = {
    "OS_AUTH_URL": "https://cloud.example.org:5000/v3",
    "OS_USERNAME": "admin",
    "OS_PASSWORD": "sesame-7",
    "OS_PROJECT_NAME": "admin",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_NAME": "Default",
}
CREDENTIAL = {
    "OS_AUTH_URL": GOOD["OS_AUTH_URL"],
    "OS_APPLICATION_CREDENTIAL_ID": "c1",
    "OS_APPLICATION_CREDENTIAL_SECRET": "sesame-7",
}
TOKEN = {"OS_AUTH_URL": GOOD["OS_AUTH_URL"], "OS_TOKEN": "sesame-7", "OS_PROJECT_ID": "p1"}


def without(given: dict[str, str], *names: str, **more: str) -> dict[str, str]:
    return {name: value for name, value in {**given, **more}.items() if name not in names}


def test_a_password() -> None:
    found = settings_from("old", {**GOOD, "OS_REGION_NAME": "One", "OS_ENDPOINT_TYPE": "internalURL", "OS_INSECURE": "True"})  # fmt: skip
    assert (found.cloud, found.auth_type, found.region, found.interface, found.verify) == (
        "old",
        "password",
        "One",
        "internal",
        False,
    )
    assert found.auth["user_domain_name"] == "Default"
    assert "sesame" not in repr(found)


def test_the_names_of_older_files() -> None:
    old = without(GOOD, "OS_PROJECT_NAME", OS_TENANT_NAME="ops")
    assert settings_from("old", old).auth["project_name"] == "ops"
    assert settings_from("old", without(GOOD, "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME", OS_DEFAULT_DOMAIN="default")).auth["default_domain_id"] == "default"  # fmt: skip


def test_other_ways_in() -> None:
    credential = settings_from("old", {**CREDENTIAL, "OS_PROJECT_NAME": "left over"})
    assert credential.auth_type == "v3applicationcredential"
    assert "project_name" not in credential.auth, "Keystone refuses a scope beside an application credential"
    assert settings_from("old", TOKEN).auth_type == "token"


@pytest.mark.parametrize(
    ("given", "named", "remedy"),
    [
        ({}, "OS_AUTH_URL", "export OS_AUTH_URL=https"),
        (without(GOOD, "OS_AUTH_URL"), "OS_AUTH_URL", "export OS_AUTH_URL=https"),
        ({**GOOD, "OS_AUTH_URL": "cloud:5000"}, "OS_AUTH_URL", "https://"),
        ({**GOOD, "OS_AUTH_URL": "https://cloud:5000/v2.0/"}, "OS_AUTH_URL", "/v3"),
        ({**GOOD, "OS_IDENTITY_API_VERSION": "2.0"}, "OS_IDENTITY_API_VERSION", "=3"),
        (without(GOOD, "OS_USERNAME"), "OS_USERNAME", "OS_USER_ID"),
        (without(GOOD, "OS_PASSWORD"), "OS_PASSWORD", "set OS_PASSWORD"),
        ({**GOOD, "OS_PASSWORD": " "}, "OS_PASSWORD", "set OS_PASSWORD"),
        (without(GOOD, "OS_PROJECT_NAME"), "OS_PROJECT_NAME", "OS_PROJECT_ID"),
        (without(GOOD, "OS_USER_DOMAIN_NAME"), "OS_USER_DOMAIN_NAME", "Default"),
        (without(GOOD, "OS_PROJECT_DOMAIN_NAME"), "OS_PROJECT_DOMAIN_NAME", "Default"),
        ({**GOOD, "OS_AUTH_TYPE": "v3oidcpassword"}, "OS_AUTH_TYPE", "--cloud"),
        ({**GOOD, "OS_INTERFACE": "publik"}, "interface", "public"),
        ({**GOOD, "OS_INSECURE": "maybe"}, "OS_INSECURE", "true or false"),
        ({**GOOD, "OS_CACERT": "/no/such/ca.pem"}, "cacert", "correct the path"),
        (without(CREDENTIAL, "OS_APPLICATION_CREDENTIAL_SECRET"), "OS_APPLICATION_CREDENTIAL_SECRET", "set OS_"),
        (without(TOKEN, "OS_PROJECT_ID"), "OS_PROJECT_NAME", "OS_PROJECT_ID"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(given: dict[str, str], named: str, remedy: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        settings_from("old", given)
    assert named in caught.value.field
    assert remedy in caught.value.hint
    assert "sesame" not in f"{caught.value} {caught.value.hint} {caught.value.value}"
