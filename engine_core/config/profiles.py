"""What the exchange on a data folder began as, and may be started as: a venue stays one, nothing else becomes one."""

from pathlib import Path

from engine_core.config.exchange_toml import FUNDED_PROFILES, PROFILES
from engine_core.config.settings import KEYS_FILE, write_private
from engine_core.config.toml_section import ConfigError

PROFILE_FILE = "profile"  # in the data folder: what it began as


def first_profile(data: Path) -> str | None:
    """What the exchange on this folder began with; None where none has begun. ConfigError names the file."""
    note = data / PROFILE_FILE
    if not note.is_file():
        return None
    profile = note.read_text(encoding="utf-8", errors="replace").strip()
    if profile not in PROFILES:
        raise ConfigError(f"{note}: must be one of {', '.join(PROFILES)}, is {profile!r}")
    return profile


def check_profile(data: Path, profile: str) -> None:
    """ConfigError if it cannot be this one: funding a venue would give its users' accounts money and keys, and what is
    funded is no venue."""
    began = first_profile(data)
    is_venue = profile not in FUNDED_PROFILES
    if is_venue and ((data / KEYS_FILE).exists() or began in FUNDED_PROFILES):
        raise ConfigError(
            f"{data} was created with the profile {began or 'demo or bare'}: its accounts 2 to 6 have "
            "funds that nobody paid in, and keys on disk; start the venue on a new folder with --data DIR"
        )
    if not is_venue and began == "venue":
        raise ConfigError(
            f"{data} belongs to a venue: the profile {profile} would fund the accounts of its users; start it with "
            "--profile venue (alone, for an upgrade say: with --host 127.0.0.1 --http 0 --ws 0), or name another "
            "folder with --data DIR"
        )


def note_profile(data: Path, profile: str) -> None:
    """The first one is what it began as."""
    if not first_profile(data) and data.is_dir():
        write_private(data / PROFILE_FILE, profile + "\n")
