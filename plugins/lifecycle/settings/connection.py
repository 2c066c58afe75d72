"""An address with credentials, as Airflow's connections or the environment give it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from lifecycle.errors import SettingsInvalid


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a shop, a provider or the warehouse is, and how to sign in; never printed."""

    name: str
    kind: str = ""
    host: str = ""
    port: int | None = None
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, name: str, airflow_connection: Any) -> Self:
        """What Airflow's connection of that name holds."""
        return cls(
            name=name,
            kind=airflow_connection.conn_type or "",
            host=airflow_connection.host or "",
            port=airflow_connection.port,
            login=airflow_connection.login or "",
            password=airflow_connection.password or "",
            schema=airflow_connection.schema or "",
            extra=airflow_connection.extra_dejson,
        )

    def base_url(self, default: str = "") -> str:
        """The HTTP address, without a slash at its end; ``default`` where the connection names no host."""
        if not self.host:
            if not default:
                message = f"connection {self.name}: give the host, such as https://shop.example"
                raise SettingsInvalid(message)
            return default
        if "://" in self.host:
            address = self.host
        else:
            scheme = next((word for word in (self.schema, self.kind) if word in {"http", "https"}), None)
            local = self.host in {"localhost", "127.0.0.1", "::1"}
            address = f"{scheme or ('http' if local else 'https')}://{self.host}"
        if self.port and urlsplit(address).port is None:
            parts = urlsplit(address)
            address = parts._replace(netloc=f"{parts.netloc}:{self.port}").geturl()
        return address.rstrip("/")

    def database_url(self) -> str:
        """The PostgreSQL URL; raises ``SettingsInvalid`` if host, login, password or database is missing."""
        parts = {
            "host": self.host,
            "login": self.login,
            "password": self.password,
            "database (schema)": self.schema,
        }
        missing = [name for name, value in parts.items() if not value]
        if missing:
            message = (
                f"connection {self.name}: missing {', '.join(missing)}; give postgresql://login:password@host/database"
            )
            raise SettingsInvalid(message)
        options = {key: value for key, value in self.extra.items() if key.startswith("ssl") and isinstance(value, str)}
        query = f"?{urlencode(options)}" if options else ""
        who = f"{quote(self.login, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{who}@{self.host}:{self.port or 5432}/{quote(self.schema, safe='')}{query}"
