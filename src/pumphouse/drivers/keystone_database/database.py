"""The tables `local_user` and `password` of one Keystone; `main` opens one for each environment that has a URL in the configuration.

A user of Keystone's own has a row in `local_user`, and that has rows in `password`: the newest by `created_at_int` is the one that holds
(keystone/identity/backends/sql_model.py, `LocalUser.passwords` and `User.password_ref`), the older ones are the history that
`unique_last_password_count` compares with. Only the one that holds is carried. Each time is kept twice, as DATETIME and as microseconds; Keystone reads the latter first.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.errors import CredentialsError, InvalidInputError, PumphouseError, StoreFaultError
from pumphouse.ports.passwords import Carried, PasswordHash, PasswordSource, PasswordTarget

T = TypeVar("T")
CHECKED: Final = frozenset(
    {"2", "2a", "2b", "2x", "2y", "bcrypt-sha256", "scrypt", "7", "pbkdf2-sha512"},
)
"""What Keystone 2026.2 can check (keystone/common/password_hashing.py, `SUPPORTED_HASHERS`); 2023.1 knew `6` (sha512_crypt) as well."""

_DRIVERS: Final = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "sqlite": "sqlite+pysqlite",
}
_AT_ONCE: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED: Final = frozenset({1044, 1045, 1142, 1143, "28P01", "28000", "42501"})
"""Codes of MariaDB and PostgreSQL for a login or a right that is missing."""

_TABLES: Final = sa.MetaData()
_LOCAL_USER: Final = sa.Table(
    "local_user", _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.String(64)),
)  # fmt: skip
_PASSWORD: Final = sa.Table(
    "password", _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("local_user_id", sa.Integer),
    sa.Column("password_hash", sa.String(255)),
    sa.Column("created_at", sa.DateTime),
    sa.Column("expires_at", sa.DateTime),
    sa.Column("created_at_int", sa.BigInteger),
    sa.Column("expires_at_int", sa.BigInteger),
    sa.Column("self_service", sa.Boolean),
)  # fmt: skip


class KeystoneDatabase(PasswordSource, PasswordTarget):
    """One Keystone's database. Connections are made when they are needed and given back after each call."""

    def __init__(self, environment: str, url: str) -> None:
        self._environment = environment
        self._engine = _engine(environment, url)

    @override
    def hashes(self, user_ids: Sequence[str]) -> Mapping[str, PasswordHash]:
        """For 500 users at a time, on PostgreSQL in a transaction that is declared read-only.

        SELECT local_user.user_id, password.password_hash, password.created_at, password.expires_at, password.created_at_int, password.expires_at_int,
               password.self_service
        FROM local_user JOIN password ON password.local_user_id = local_user.id
        WHERE local_user.user_id IN (...) ORDER BY password.created_at_int, password.id

        The last row of a user is the one that holds; one whose last row has no hash has no password.
        """
        return self._run(lambda connection: _read(connection, user_ids), reading=True)

    @override
    def put(self, hashes: Mapping[str, PasswordHash]) -> Mapping[str, Carried]:
        """In one transaction; first, as above, what the users have: a hash that is there stays (KEPT; CARRIED when it is this one, from an earlier call). Then come
        these, the last two for each user without one.

        SELECT local_user.id, local_user.user_id FROM local_user WHERE local_user.user_id IN (...)

        DELETE FROM password WHERE password.local_user_id = ? AND password.password_hash IS NULL

        INSERT INTO password (local_user_id, password_hash, created_at, expires_at, created_at_int, expires_at_int, self_service) VALUES (?, ?, ?, ?, ?, ?, ?)

        The DELETE takes away what Keystone wrote for a user that was made with the password null: being newer, it would hold instead.
        """
        return self._run(lambda connection: _write(connection, hashes), reading=False)

    def close(self) -> None:
        """Give back connections."""
        self._engine.dispose()

    def _run(self, work: Callable[[sa.Connection], T], *, reading: bool) -> T:
        try:
            with closing(self._engine.connect()) as connection, connection.begin():
                if reading and self._engine.dialect.name == "postgresql":
                    connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                return work(connection)
        except sa.exc.SQLAlchemyError as error:
            # the message may hold the statement with its values, or the URL
            raise _error(self._environment, error) from None


def _read(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, PasswordHash]:
    found: dict[str, PasswordHash] = {}
    for ids in _portions(user_ids):
        asked = (
            sa.select(
                _LOCAL_USER.c.user_id,
                _PASSWORD.c.password_hash,
                _PASSWORD.c.created_at,
                _PASSWORD.c.expires_at,
                _PASSWORD.c.created_at_int,
                _PASSWORD.c.expires_at_int,
                _PASSWORD.c.self_service,
            )
            .join_from(_LOCAL_USER, _PASSWORD, _PASSWORD.c.local_user_id == _LOCAL_USER.c.id)
            .where(_LOCAL_USER.c.user_id.in_(ids))
            .order_by(_PASSWORD.c.created_at_int, _PASSWORD.c.id)
        )
        last = {str(row.user_id): row for row in connection.execute(asked)}
        found |= {user_id: _hash(row) for user_id, row in last.items() if row.password_hash}
    return found


def _write(connection: sa.Connection, hashes: Mapping[str, PasswordHash]) -> dict[str, Carried]:
    there = _read(connection, list(hashes))
    rows: dict[str, int] = {}
    for ids in _portions(list(hashes)):
        asked = sa.select(_LOCAL_USER.c.id, _LOCAL_USER.c.user_id).where(_LOCAL_USER.c.user_id.in_(ids))
        rows |= {str(row.user_id): int(row.id) for row in connection.execute(asked)}
    done: dict[str, Carried] = {}
    for user_id, wanted in hashes.items():
        done[user_id] = _fate(wanted, there.get(user_id), known=user_id in rows)
        if done[user_id] is Carried.CARRIED and user_id not in there:
            local = rows[user_id]
            connection.execute(
                sa.delete(_PASSWORD).where(
                    _PASSWORD.c.local_user_id == local, _PASSWORD.c.password_hash.is_(None)
                )
            )
            connection.execute(sa.insert(_PASSWORD).values(local_user_id=local, **_values(wanted)))
    return done


def _fate(wanted: PasswordHash, present: PasswordHash | None, *, known: bool) -> Carried:
    if not known:
        return Carried.NONE
    if present is not None:
        return Carried.CARRIED if present.hash == wanted.hash else Carried.KEPT
    return Carried.CARRIED if wanted.algorithm in CHECKED else Carried.UNKNOWN_ALGORITHM


def _hash(row: Any) -> PasswordHash:
    """`created_at_int` is 0 where it was never set: then the DATETIME counts."""
    return PasswordHash(
        hash=str(row.password_hash),
        created_at_us=int(row.created_at_int or 0) or _micros(row.created_at) or 0,
        expires_at_us=int(row.expires_at_int) if row.expires_at_int else _micros(row.expires_at),
        self_service=bool(row.self_service),
    )


def _values(wanted: PasswordHash) -> dict[str, Any]:
    expires = wanted.expires_at_us
    return {
        "password_hash": wanted.hash,
        "created_at": _moment(wanted.created_at_us),
        "expires_at": None if expires is None else _moment(expires),
        "created_at_int": wanted.created_at_us,
        "expires_at_int": expires,
        "self_service": wanted.self_service,
    }


def _micros(when: datetime | None) -> int | None:
    if when is None:
        return None
    return (when.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    """As Keystone writes it: UTC without a zone."""
    return (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]


def _engine(environment: str, url: str) -> sa.Engine:
    """Raises InvalidInputError without repeating the URL."""
    field = f"keystone_databases.{environment}"
    wrong = InvalidInputError(
        field,
        url,
        "it is no URL of a database",
        hint="mysql://USER:PASSWORD@HOST/keystone or postgresql://...",
        hidden=True,
    )
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise wrong from None
    name = _DRIVERS.get(parsed.drivername.partition("+")[0])
    if name is None:
        raise wrong
    try:
        return sa.create_engine(parsed.set(drivername=name), poolclass=sa.pool.NullPool, hide_parameters=True)
    except (sa.exc.SQLAlchemyError, ImportError):
        raise InvalidInputError(
            field,
            url,
            f"the driver {name} is not installed",
            hint="pip install pumphouse[mysql] or [postgres]",
            hidden=True,
        ) from None


def _error(environment: str, error: sa.exc.SQLAlchemyError) -> PumphouseError:
    origin = getattr(error, "orig", None)
    code = getattr(origin, "sqlstate", None) or next(iter(getattr(origin, "args", ())), None)
    kind = type(origin or error).__name__
    what = f"the database of Keystone in environment {environment}"
    if code in _REFUSED:
        return CredentialsError(
            f"{what} refuses our login ({code})",
            hint="it needs SELECT on local_user and password, in the destination also INSERT and DELETE on password",
        )
    return StoreFaultError(
        f"{what} cannot be used: {kind}", hint="is it the right URL, and reachable from here?"
    )
