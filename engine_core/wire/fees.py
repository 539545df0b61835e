"""The fee of a trade, in plain Python, for code that is not on the path of an order."""

from engine_core.wire.limits import PPM


def fee_of(atoms: int, ppm: int) -> int:
    """Parts per million of `atoms`, rounded up to one atom (see book/ledger/balances.py)."""
    return -(-atoms * ppm // PPM)
