"""The key with which a venue is administered from its first day: made when nobody is there yet, and shown once."""

import base64

from engine_core.administration.client import read_setup
from engine_core.administration.demo import key_command, new_key
from engine_core.administration.venue import Venue
from engine_core.config.settings import Settings
from engine_core.wire.codes import KeyPermission
from engine_core.wire.limits import FEE_ACCOUNT

_ALL = KeyPermission.READ | KeyPermission.TRADE | KeyPermission.WITHDRAW


def first_administrator(settings: Settings) -> list[str]:
    """What to tell of the key; nothing once anybody else exists: then `exchange keys create` is the way."""
    with Venue(settings.redis_urls) as venue:
        setup = read_setup(venue.home)
        if setup.keys or setup.accounts - {FEE_ACCOUNT}:
            return []
        key = new_key()
        venue.execute([key_command(FEE_ACCOUNT, base64.b64decode(key["apiKey"]), _ALL)])
    return [
        f"  administrator's key  {key['apiKey']}",
        f"  its secret           {key['secret']}",
        f"                       of account {FEE_ACCOUNT}, the exchange's own: shown now and never again, so keep it",
    ]
