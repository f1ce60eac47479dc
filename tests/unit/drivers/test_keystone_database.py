"""Hashes of passwords go from one Keystone's database to another's, on SQLite with the tables as both releases have them."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pumphouse.domain.errors import InvalidInputError, StoreFaultError
from pumphouse.drivers.keystone_database.database import KeystoneDatabase
from pumphouse.ports.passwords import Carried, PasswordHash

# keystone/common/sql/migrations/versions/27e647c0fad4_initial_version.py, the same in 2023.1 and 2026.2
TABLES = """
CREATE TABLE local_user (
    id INTEGER NOT NULL PRIMARY KEY, user_id VARCHAR(64) NOT NULL UNIQUE, domain_id VARCHAR(64) NOT NULL, name VARCHAR(255) NOT NULL,
    failed_auth_count INTEGER, failed_auth_at DATETIME, UNIQUE (domain_id, name)
);
CREATE TABLE password (
    id INTEGER NOT NULL PRIMARY KEY, local_user_id INTEGER NOT NULL REFERENCES local_user (id), expires_at DATETIME,
    self_service BOOLEAN DEFAULT '0' NOT NULL, password_hash VARCHAR(255), created_at_int BIGINT DEFAULT '0' NOT NULL, expires_at_int BIGINT,
    created_at DATETIME NOT NULL
);
"""
BCRYPT = "$2b$12$0123456789012345678901uabcdefghijklmnopqrstuvwxyz01234"


class Tables:
    def __init__(self, path: Path) -> None:
        self.path = path
        with sqlite3.connect(path) as database:
            database.executescript(TABLES)

    def user(self, user_id: str, *rows: tuple[str | None, int, int | None]) -> None:
        """With passwords (hash, created_at_int, expires_at_int)."""
        with sqlite3.connect(self.path) as database:
            made = database.execute(
                "INSERT INTO local_user (user_id, domain_id, name) VALUES (?, 'default', ?)",
                (user_id, user_id),
            )
            for hashed, created, expires in rows:
                database.execute(
                    "INSERT INTO password (local_user_id, password_hash, created_at, created_at_int, expires_at_int, self_service)"
                    " VALUES (?, ?, '2024-01-01 00:00:00', ?, ?, 1)",
                    (made.lastrowid, hashed, created, expires),
                )

    def passwords(self, user_id: str) -> list[tuple[str | None, int, int | None, int, str]]:
        with sqlite3.connect(self.path) as database:
            return database.execute(
                "SELECT password_hash, created_at_int, expires_at_int, self_service, created_at FROM password JOIN local_user"
                " ON local_user_id = local_user.id WHERE user_id = ? ORDER BY created_at_int",
                (user_id,),
            ).fetchall()


@pytest.fixture
def old(tmp_path: Path) -> Tables:
    return Tables(tmp_path / "old.db")


@pytest.fixture
def new(tmp_path: Path) -> Tables:
    return Tables(tmp_path / "new.db")


@pytest.fixture
def databases(old: Tables, new: Tables) -> Iterator[tuple[KeystoneDatabase, KeystoneDatabase]]:
    made = tuple(
        KeystoneDatabase(name, f"sqlite:///{each.path}") for name, each in (("old", old), ("new", new))
    )
    yield made  # type: ignore[misc]  # a tuple of two
    for each in made:
        each.close()


Databases = tuple[KeystoneDatabase, KeystoneDatabase]


def test_the_newest_hash_is_the_one_that_holds(databases: Databases, old: Tables) -> None:
    old.user("a", ("$2b$old", 10, 20), (BCRYPT, 30, None))
    old.user("b", (BCRYPT, 10, None), (None, 30, None))
    old.user("c")
    old.user("d", (BCRYPT, 0, None))
    found = databases[0].hashes(["a", "b", "c", "d", "nobody"])
    assert sorted(found) == ["a", "d"]
    assert (found["a"].hash, found["a"].created_at_us, found["a"].expires_at_us, found["a"].self_service) == (
        BCRYPT,
        30,
        None,
        True,
    )
    assert found["d"].created_at_us == 1_704_067_200_000_000
    assert BCRYPT not in repr(found)


def test_a_hash_goes_over_as_it_is_and_twice_is_once(databases: Databases, old: Tables, new: Tables) -> None:
    source, target = databases
    old.user("a", (BCRYPT, 1_700_000_000_000_001, 1_900_000_000_000_000))
    new.user("a2")
    new.user("nulled", (None, 1_999_000_000_000_000, None))
    carried = source.hashes(["a"])["a"]
    wanted = {"a2": carried, "nulled": carried, "elsewhere": carried}
    expected = {"a2": Carried.CARRIED, "nulled": Carried.CARRIED, "elsewhere": Carried.NONE}
    assert target.put(wanted) == expected
    assert target.put(wanted) == expected
    row = (BCRYPT, 1_700_000_000_000_001, 1_900_000_000_000_000, 1, "2023-11-14 22:13:20.000001")
    assert new.passwords("a2") == new.passwords("nulled") == [row]
    assert target.hashes(["a2"])["a2"] == carried


def test_a_password_that_is_there_is_never_replaced(databases: Databases, new: Tables) -> None:
    new.user("a", ("$2b$theirs", 5, None))
    assert databases[1].put({"a": PasswordHash(BCRYPT, 9, None, self_service=False)}) == {"a": Carried.KEPT}
    assert [row[0] for row in new.passwords("a")] == ["$2b$theirs"]


@pytest.mark.parametrize(
    ("hashed", "fate"),
    [
        ("$6$rounds=656000$salt$hash", Carried.UNKNOWN_ALGORITHM),
        ("plain", Carried.UNKNOWN_ALGORITHM),
        ("$scrypt$ln=16,r=8,p=1$a$b", Carried.CARRIED),
        ("$pbkdf2-sha512$25000$a$b", Carried.CARRIED),
        ("$bcrypt-sha256$v=2,t=2b,r=12$a$b", Carried.CARRIED),
    ],
)
def test_a_hash_that_the_new_release_cannot_check_is_not_written(
    databases: Databases, new: Tables, hashed: str, fate: Carried
) -> None:
    new.user("a")
    assert databases[1].put({"a": PasswordHash(hashed, 9, None, self_service=False)}) == {"a": fate}
    assert len(new.passwords("a")) == (fate is Carried.CARRIED)


def test_many_users_are_asked_for_in_portions(databases: Databases, old: Tables) -> None:
    with sqlite3.connect(old.path) as database:
        database.executemany(
            "INSERT INTO local_user (id, user_id, domain_id, name) VALUES (?, ?, 'd', ?)", [(n, f"u{n}", f"u{n}") for n in range(1, 1202)]
        )  # fmt: skip
        database.executemany(
            "INSERT INTO password (local_user_id, password_hash, created_at, created_at_int) VALUES (?, ?, '2024-01-01 00:00:00', 1)",
            [(n, BCRYPT) for n in range(1, 1202)],
        )
    assert len(databases[0].hashes([f"u{n}" for n in range(1, 1202)])) == 1201


@pytest.mark.parametrize("url", ["oracle://u:hunter2@host/x", "hunter2", "mysql+pymysql:/hunter2"])
def test_a_wrong_url_is_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KeystoneDatabase("old", url)
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.value}"
    assert "keystone_databases.old" in str(caught.value)


def test_a_database_that_cannot_be_used_says_so_without_its_url_or_values(tmp_path: Path) -> None:
    empty = KeystoneDatabase("old", f"sqlite:///{tmp_path / 'secret-place.db'}")
    for work in (
        lambda: empty.hashes(["a"]),
        lambda: empty.put({"a": PasswordHash(BCRYPT, 9, None, self_service=False)}),
    ):
        with pytest.raises(StoreFaultError) as caught:
            work()
        assert "secret-place" not in str(caught.value)
        assert BCRYPT not in repr(caught.value.__cause__)
    empty.close()
