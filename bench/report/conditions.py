"""Under what a running exchange was measured: its profile and the limits of requests, which are parameters of a result
as much as what was typed. Non-goals: an exchange on another host, and one that a benchmark starts (always `bare`).
"""

import os
from dataclasses import asdict
from pathlib import Path

from engine_core.config.settings import read_config
from engine_core.config.toml_section import ConfigError
from engine_core.operator.target.running import CommandError, find

PROFILE, LIMITS = "profile", "rate_limits"
CONDITIONS = (PROFILE, LIMITS)


def conditions_of(data: Path | None) -> dict[str, str]:
    """Of the exchange on that data folder, the limits by its file as that is now; nothing where none can be found, and
    no limits where the file is gone since, or wrong."""
    try:
        running = find(data or Path(os.environ.get("EXCHANGE_DATA") or "data"))
    except (CommandError, ConfigError):
        return {}
    if running is None:
        return {}
    found = {PROFILE: running.profile}
    try:
        limits = asdict(read_config(running.config, running.profile).rate_limits)
    except ConfigError:
        return found
    return found | {LIMITS: ", ".join(f"{name} {value:,}" for name, value in limits.items() if value) or "none"}
