"""The words of a SLOT: kernels that read many slots take them as rows of int64, which costs less than records."""

from typing import Any, Final

from engine_core.wire.layout import EVENT, SLOT

_WORD_BYTES: Final = 8


def _word(record: Any, name: str) -> int:
    """Number of the word that the field begins."""
    word, within = divmod(record.fields[name][1], _WORD_BYTES)
    assert within == 0, f"{name} begins within a word"
    return int(word)


KIND: Final = _word(EVENT, "kind")  # its lowest byte
INDEX: Final = 1  # its third 16 bits
ENTRY_MS: Final = _word(SLOT, "entry_ms")
ENTRY_SEQ: Final = _word(SLOT, "entry_seq")
GATEWAY: Final = _word(SLOT, "gateway")  # its lower half
POSITION: Final = GATEWAY  # its upper half
INCARNATION: Final = _word(SLOT, "incarnation")
SEQUENCE: Final = _word(SLOT, "sequence")
BLOCK_EVENTS: Final = _word(SLOT, "block_events")  # its lower half; nothing is above

LOWER_HALF: Final = 0xFFFF_FFFF
UPPER_HALF_BITS: Final = 32
INDEX_BITS: Final = 16

assert EVENT.fields is not None and SLOT.fields is not None and SLOT.fields["event"][1] == 0
assert EVENT.fields["index"][1] == _WORD_BYTES * INDEX + INDEX_BITS // 8
assert SLOT.fields["position"][1] == _WORD_BYTES * POSITION + UPPER_HALF_BITS // 8
