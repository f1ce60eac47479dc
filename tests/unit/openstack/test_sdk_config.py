"""clouds.yaml is read without importing all of openstacksdk, and whoever wants the rest of it still gets it."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from pumphouse.drivers.openstack.access import load_entry

file = Path(sys.argv[1])
file.write_text("clouds: {one: {auth: {auth_url: http://x/v3, username: u, password: p, project_name: q}}}")
assert load_entry("one", str(file)).auth["username"] == "u"
assert "openstack.compute" not in sys.modules

import openstack
assert openstack.connection.Connection.__module__ == "openstack.connection"
from openstack.connection import Connection
assert openstack.connection.Connection is Connection
assert openstack.connect(auth_type="none", endpoint="http://x") is not None
assert "openstack.compute" in sys.modules
print("good")
"""


@pytest.mark.crash
def test_the_rest_of_the_sdk_comes_when_it_is_asked_for(tmp_path: object) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{tmp_path}/clouds.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "good", ended.stderr
