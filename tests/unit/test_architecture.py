"""The shape of the house: file lengths, a README in every room, docs that name what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "pumphouse"
CEILING = 400
ROOMS = [
    "domain",
    "ports",
    "engine",
    "workflows",
    "services",
    "drivers",
    "lab",
    "wire",
    "client",
    "cli",
    "api",
]


def test_no_file_is_longer_than_the_ceiling() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > CEILING
    }
    assert not long, f"split these: {long}"


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_lives_in_it(room: str) -> None:
    readme = SOURCE / room / "README.md"
    assert readme.exists(), f"src/pumphouse/{room}/README.md is missing"
    assert 5 <= len(readme.read_text().splitlines()) <= 40


def test_each_module_opens_by_saying_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', "#!", 'r"""'))
    ]
    assert not silent


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("README.md")]
    broken = [
        f"{document.relative_to(ROOT)} -> {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert not broken


def test_no_document_names_a_registry_or_a_path_of_some_machine() -> None:
    forbidden = re.compile(r"(pypi\.org|pythonhosted|deb\.debian\.org|registry\.npmjs|/work/main|/root/)")
    texts = [p for p in ROOT.rglob("*.md") if ".venv" not in p.parts and ".lab-test" not in p.parts]
    named = [str(p.relative_to(ROOT)) for p in texts if forbidden.search(p.read_text())]
    assert not named
