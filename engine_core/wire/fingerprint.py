"""One number for all records: a ring or a snapshot of other code is known by it."""

import hashlib

from engine_core.jit.records import dtype_of
from engine_core.wire.layout import ADMIN, ADMIN_EVENT, BLOCK_HEADER, COMMAND, EVENT, SLOT, AdminWords
from engine_core.wire.query_records import ANSWER_HEADER, BALANCE, LEVEL, QUERY, STATUS

RECORDS = {  # what rings and snapshots of before were written with: LINK came later, and stands in answers alone
    "COMMAND": COMMAND,
    "ADMIN": ADMIN,
    "EVENT": EVENT,
    "ADMIN_EVENT": ADMIN_EVENT,
    "BLOCK_HEADER": BLOCK_HEADER,
    "SLOT": SLOT,
    "QUERY": QUERY,
    "ANSWER_HEADER": ANSWER_HEADER,
    "LEVEL": LEVEL,
    "BALANCE": BALANCE,
    "STATUS": STATUS,
}


def fingerprint() -> int:
    """63 bits that change with any field, offset or format of any record; stands in the ring and in snapshots.

    The names of a, b, c, d do not count: they came later, and change nothing in what was written before.
    """
    records = {name: (dict(dtype.fields or {}), dtype.itemsize) for name, dtype in RECORDS.items()}
    admin = dtype_of(AdminWords)
    records["ADMIN"] = (dict(admin.fields or {}), admin.itemsize)
    records["ADMIN_EVENT"][0]["command"] = (admin, 64)
    text = repr([(name, sorted(fields.items()), size) for name, (fields, size) in records.items()])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
