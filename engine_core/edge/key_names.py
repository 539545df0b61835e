"""What a person calls an API key: a note for its owner, which decides nothing, and so stands in no log."""

from typing import Final

MAX_KEY_NAME: Final = 40
KEY_NAME_RULE: Final = f"1 to {MAX_KEY_NAME} printable characters, with no space at either end"
# Of (log_id, public_key, name): of a key that is about to be made.
NAME_KEY: Final = """insert into key_notes (log_id, public_key, name) values (%s, %s, %s)
    on conflict (log_id, public_key) do update set name = excluded.name, last_used = null returning 1"""


def is_key_name(text: str) -> bool:
    return 0 < len(text) <= MAX_KEY_NAME and text.isprintable() and text == text.strip()
