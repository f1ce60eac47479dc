"""The configuration: PUMPHOUSE_* variables over a TOML file over defaults. Read once by `main`; docs/configuration.md lists all of it."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError

PREFIX = "PUMPHOUSE_"
HIDDEN = frozenset({"token", "tokens", "sha256", "webhook_url", "database_url", "keystone_databases"})
"""Fields whose values are never repeated: they are or may hold secrets."""


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _http(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError("should start with http:// or https://")
    return url


Location = Annotated[Path, AfterValidator(_absolute)]


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/pumphouse`, or `~/.local/state/pumphouse`."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(home) / "pumphouse"


class AcceptedToken(BaseModel):
    """A bearer token that the server accepts besides its own; `sha256` is the hex digest of its text."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    role: Literal["reader", "operator", "admin"]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)


class Settings(BaseSettings):
    """All settings. Paths that are not given lie in `state_dir`. Times in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    state_dir: Location = Field(default_factory=default_state_dir)
    database_url: str | None = Field(default=None, repr=False)
    key_file: Location | None = None
    token_file: Location | None = None
    log_file: Location | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    server: Annotated[str | None, AfterValidator(_http)] = None
    token: SecretStr | None = None
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8642, ge=1, le=65535)
    tokens: list[AcceptedToken] = []

    operations_at_once: int = Field(default=8, ge=1, le=256)
    owner_timeout_s: float = Field(default=15.0, ge=3.0, le=600.0)
    poll_s: float = Field(default=0.3, gt=0.0, le=10.0)
    shutdown_s: float = Field(default=30.0, ge=0.0, le=3600.0)
    cloud_concurrency: int = Field(default=8, ge=1, le=128)
    cloud_connect_s: float = Field(default=5.0, gt=0.0, le=300.0)
    cloud_read_s: float = Field(default=60.0, gt=0.0, le=3600.0)
    transfer_mib_s: float = Field(default=0.0, ge=0.0)

    keystone_databases: dict[str, SecretStr] = Field(default={}, repr=False)
    """environment -> URL of its Keystone's database, for carrying hashes of passwords over"""

    webhook_url: Annotated[str | None, AfterValidator(_http)] = Field(default=None, repr=False)
    webhook_timeout_s: float = Field(default=10.0, gt=0.0, le=300.0)
    webhook_give_up_s: float = Field(default=86400.0, gt=0.0)

    @field_validator("database_url")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("sqlite:", "postgresql", "mysql", "mariadb")):
            raise ValueError("should start with sqlite:///, postgresql:// or mariadb://")
        return url

    @cached_property
    def database(self) -> str:
        """The database's URL: SQLite in the state directory unless another was given."""
        return self.database_url or f"sqlite:///{self.state_dir / 'pumphouse.db'}"

    @property
    def keys(self) -> Path:
        """The file with the keys that seal credentials."""
        return self.key_file or self.state_dir / "keys"

    @property
    def own_token(self) -> Path:
        """The file with the token of the server on this machine."""
        return self.token_file or self.state_dir / "token"

    @property
    def log(self) -> Path:
        """The log of the command line; the server logs to stderr."""
        return self.log_file or self.state_dir / "pumphouse.log"

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        found = config_file()
        toml = [TomlConfigSettingsSource(settings_cls, toml_file=found)] if found else []
        return (init_settings, env_settings, *toml)


def config_file() -> Path | None:
    """The TOML file that is read: PUMPHOUSE_CONFIG, or the user's, or the machine's; None when there is none.

    Raises:
        InvalidInputError: PUMPHOUSE_CONFIG names a file that is not there.
    """
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise InvalidInputError(
                f"{PREFIX}CONFIG", named, "there is no such file", hint="give the path of a TOML file"
            )
        return path
    home = Path(os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config"))
    places = (home / "pumphouse/config.toml", Path("/etc/pumphouse/config.toml"))
    return next((place for place in places if place.is_file()), None)


def load(**given: Any) -> Settings:
    """The settings; `given` (from command line options) comes first.

    Raises:
        InvalidInputError: names the field, its value and what would be right.
    """
    import tomllib

    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise _explained(error.errors()[0]) from None
    except SettingsError as error:
        # it names the setting and repeats nothing of its value
        raise InvalidInputError(
            f"{PREFIX}*",
            "",
            str(error),
            hint="a setting that is a list or a table is given as JSON in its variable",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(
            "config file", str(config_file()), f"it is not valid TOML: {error}", hint="correct that line"
        ) from None


def _explained(first: Mapping[str, Any]) -> InvalidInputError:
    field = ".".join(str(part) for part in first["loc"]) or "configuration"
    secret = any(str(part) in HIDDEN for part in first["loc"])
    value = first.get("input")
    if first["type"] == "extra_forbidden":
        known = ", ".join(sorted(Settings.model_fields))
        return InvalidInputError(
            field, value, "there is no such setting", hint=f"settings are: {known}", hidden=True
        )
    variable = f"{PREFIX}{str(first['loc'][0]).upper()}" if first["loc"] else PREFIX
    return InvalidInputError(
        field,
        value,
        str(first["msg"]).removeprefix("Value error, "),
        hint=f"correct {variable} or '{field}' in the configuration file",
        hidden=secret,
    )
