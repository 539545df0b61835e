"""What a person calls an API key: a note for its owner, which decides nothing, and so stands in no log."""

from typing import Final

MAX_KEY_NAME: Final = 40
KEY_NAME_RULE: Final = f"1 to {MAX_KEY_NAME} printable characters, with no space at either end"
# Of (log_id, public_key, name): of a key that is about to be made.
NAME_KEY: Final = """insert into key_notes (log_id, public_key, name) values (%s, %s, %s)
    on conflict (log_id, public_key) do update set name = excluded.name, last_used = null returning 1"""
# Of (public_keys, log_id, public_keys): key, name, and in Unix ms when it was made and last used, if that is known.
KEY_NOTES: Final = """select public_key, coalesce(name, ''), (extract(epoch from created) * 1000)::bigint,
        (extract(epoch from last_used) * 1000)::bigint
    from (select public_key, created from api_keys where public_key = any(%s)) as stored
    full join (select * from key_notes where log_id = %s and public_key = any(%s)) as noted
    using (public_key)"""


def is_key_name(text: str) -> bool:
    return 0 < len(text) <= MAX_KEY_NAME and text.isprintable() and text == text.strip()
