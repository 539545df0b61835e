"""The writer's own settings, read once from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from engine_core.config.settings import Settings, without_password
from engine_core.config.toml_section import ConfigError
from engine_core.config.whole_numbers import whole_number

PAUSE_MS, LONGEST_PAUSE_MS = 250, 60_000


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """`pause_ms`: least time between commits while there is little to store; `batch_bytes`: most log bytes in one."""

    redis_url: str
    database_url: str
    shard: int = 0
    pause_ms: int = PAUSE_MS
    batch_bytes: int = 16 * 2**20
    runtime: Path | None = None  # where metrics are shown; None and port 0: nowhere
    metrics_port: int = 0
    stages_every: int = 0  # see engine_core/process/stages.py
    host: str = "127.0.0.1"

    @classmethod
    def from_environment(cls) -> "WriterConfig":
        settings = Settings.of_role()
        if not settings.database_url:
            raise ConfigError(
                "DATABASE_URL: is not set and no running exchange was found in "
                f"{settings.data}; give a postgresql:// address, or start with `exchange up`"
            )
        return cls(
            redis_url=settings.redis_url,
            database_url=settings.database_url,
            shard=settings.shard,
            pause_ms=whole_number(os.environ, "EXCHANGE_WRITER_PAUSE_MS", PAUSE_MS, LONGEST_PAUSE_MS),
            runtime=settings.runtime,
            metrics_port=settings.metrics_port,
            stages_every=settings.config.server.stages_every,
            host=settings.host,
        )

    def __str__(self) -> str:
        return f"{without_password(self.redis_url)} to {without_password(self.database_url)}, shard {self.shard}"
