"""The records of both logs, the ring and snapshots: what was written before is read by this code, too."""

import numpy as np

from engine_core.runtime.snapshots.snapshot import this_code
from engine_core.wire.fingerprint import fingerprint
from engine_core.wire.layout import ADMIN

RECORDS_AS_LANDED = 0x2B51A8F8672B192F
STATE_AS_LANDED = 0x6788C7C9C653493A
STATES_OF_SAME_BYTES = (0x1804A687F39D4999,)


def test_the_records_are_those_that_rings_and_snapshots_were_written_with() -> None:
    """Whoever changes one of these refuses every snapshot that exists: that is an upgrade of its own."""
    assert fingerprint() == RECORDS_AS_LANDED
    assert this_code().fingerprint == STATE_AS_LANDED
    assert this_code().same_bytes == STATES_OF_SAME_BYTES


def test_the_words_of_an_admin_record_have_names() -> None:
    records = np.arange(16, dtype="<i8").view(ADMIN)
    for names in (
        *(("a", "log_id", "lot_atoms", "amount_atoms", "key_word_0"), ("b", "behaviour", "tick_atoms", "reference")),
        *(("c", "created_ms", "min_lots", "asked_address"), ("d", "max_lots", "max_open_orders", "asked")),
    ):
        assert {tuple(records[name].tolist()) for name in names} == {tuple(records[names[0]].tolist())}
