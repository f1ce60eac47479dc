"""The settings of environments as they were last read, one document each."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.settings import Setting, Settings
from pumphouse.drivers.database.database import Database
from pumphouse.drivers.database.tables import environment_settings, environments
from pumphouse.ports.store import SettingsStore


class DatabaseSettings(SettingsStore):
    """The port SettingsStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    def put_settings(self, environment_id: str, settings: Settings) -> None:
        values = {
            "schema_number": settings.schema,
            "release": settings.release,
            "read_at": settings.read_at,
            "document": [_row(setting) for setting in settings.values.values()],
        }

        def work(connection: sa.Connection) -> None:
            owner = sa.select(environments.c.id).where(environments.c.id == environment_id).with_for_update()
            if connection.execute(owner).scalar() is None:
                raise NotFoundError("environment", environment_id, hint="see: pumphouse env list")
            mine = environment_settings.c.environment_id == environment_id
            if not connection.execute(sa.update(environment_settings).where(mine).values(**values)).rowcount:
                connection.execute(
                    sa.insert(environment_settings).values(environment_id=environment_id, **values)
                )

        self._db.write(work)

    @override
    def settings(self, environment_id: str) -> Settings | None:
        query = (
            sa.select(environment_settings, environments.c.name)
            .join(environments, environments.c.id == environment_settings.c.environment_id)
            .where(environment_settings.c.environment_id == environment_id)
        )
        row = self._db.read(lambda c: c.execute(query).mappings().first())
        if row is None:
            return None
        return Settings(
            environment=row["name"],
            release=row["release"],
            read_at=row["read_at"],
            values={each["key"]: _setting(each) for each in row["document"]},
            schema=row["schema_number"],
        )


def _row(setting: Setting) -> dict[str, Any]:
    return {
        "key": setting.key,
        "value": setting.value,
        "source": setting.source,
        "read_at": setting.read_at.isoformat(),
        "known": setting.known,
    }


def _setting(row: dict[str, Any]) -> Setting:
    return Setting(
        row["key"], row["value"], row["source"], datetime.fromisoformat(row["read_at"]), row["known"]
    )
