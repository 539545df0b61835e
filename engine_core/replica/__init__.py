"""Views built from events, for every process that reads: what exists (setup), books, trades, statistics, candles.

A replica is fed with SLOT batches and asks the engine only at its start and when a market's depth sequence breaks.
"""
