"""What the schema's files say once more in SQL is what Python says: they are applied once, so they cannot follow it."""

import re
from datetime import timedelta
from importlib import resources

import pytest

from engine_core.wire.intervals import DAY_MS, INTERVALS
from engine_core.wire.limits import MOST_SHARDS, SHARD_OF_NUMBER_AT, shard_of_order

NAME = r"'(\d+(?:s|m|h|d|w|month))'"
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
OF_CANDLES = ("0002_candles.plain", "0002_candles.timescale", "0005_candle_views.plain", "0005_candle_views.timescale")


def schema(name: str) -> str:
    return resources.files("persistence").joinpath("schema", f"{name}.sql").read_text(encoding="utf-8")


def test_every_file_that_lists_the_intervals_is_looked_at() -> None:
    files = resources.files("persistence").joinpath("schema").iterdir()
    assert sorted(file.name for file in files if "'1month'" in file.read_text(encoding="utf-8")) == [
        f"{name}.sql" for name in OF_CANDLES
    ]


@pytest.mark.parametrize("name", OF_CANDLES)
def test_a_list_of_intervals_names_them_in_the_order_of_their_numbers(name: str) -> None:
    """Each of these numbers them by place."""
    lists = re.findall(r"array ?\[([^\]]*)\]", schema(name))
    assert [re.findall(NAME, names) for names in lists if re.search(NAME, names)] == [list(INTERVALS)]
    assert [interval.number for interval in INTERVALS.values()] == list(range(1, len(INTERVALS) + 1))


def test_the_levels_of_timescale_are_the_intervals() -> None:
    """As wide, and each made of whole buckets of the one that it is built from."""
    text = schema("0002_candles.timescale")
    levels = re.findall(rf"\({NAME}, '(\w+)', '(\d+) (second|minute|hour|day|month)s?'\)", text)
    assert [name for name, *_ in levels] == list(INTERVALS)
    for name, source, count, unit in levels:
        interval = INTERVALS[name]
        if unit == "month":
            assert (interval.width_ms, count) == (0, "1")
        else:
            assert interval.width_ms == timedelta(seconds=int(count) * UNITS[unit]) // timedelta(milliseconds=1)
        if source != "trades":
            finer = INTERVALS[source]
            assert finer.number < interval.number, "it is there before"
            assert (interval.width_ms or DAY_MS) % finer.width_ms == 0
            edges = [interval.start(0), interval.next(interval.start(0))]
            assert [finer.start(edge) for edge in edges] == edges
    assert re.findall(rf"\({NAME}, interval", text) == list(INTERVALS), "each is kept up to date"


def test_the_shard_of_a_row_is_where_the_schema_looks_for_it() -> None:
    text = schema("0009_shards")
    bits = r"(?:\bnumber >>|shard(?:::bigint)? <<|1::bigint <<) (\d+)"
    assert set(re.findall(bits, text)) == {str(SHARD_OF_NUMBER_AT)}
    comments, statements = text.split("alter table", 1)
    assert len(re.findall(bits, statements)) == statements.count("<<") + statements.count(">>") > 0
    (order_bit,) = re.findall(r"order_id >> (\d+)", comments)
    assert [shard_of_order(shard << int(order_bit)) for shard in range(MOST_SHARDS)] == list(range(MOST_SHARDS))
