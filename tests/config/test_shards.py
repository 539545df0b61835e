"""How many shards a venue has, and where a new market begins: as the file, the environment and the data folder say."""

from pathlib import Path

import pytest

from engine_core.config.exchange_toml import load
from engine_core.config.settings import Settings
from engine_core.config.shards import ANY_SHARD, SHARDS_FILE, check_kept, first_shard, wanted_shards
from engine_core.config.toml_section import ConfigError
from tests.config.test_exchange_toml import SMALL


def environment(folder: Path, text: str = SMALL, **variables: str) -> dict[str, str]:
    (folder / "exchange.toml").write_text(text)
    (folder / "data").mkdir(exist_ok=True)
    return {"EXCHANGE_CONFIG": str(folder / "exchange.toml"), "EXCHANGE_DATA": str(folder / "data"), **variables}


def test_there_is_one_unless_somebody_says_more(tmp_path: Path) -> None:
    assert Settings.from_environment(environment(tmp_path)).shards == 1
    file = f"[shards]\ncount = 2\n{SMALL}"
    assert Settings.from_environment(environment(tmp_path, file)).shards == 2
    settings = Settings.from_environment(environment(tmp_path, file, EXCHANGE_SHARDS="16", EXCHANGE_SHARD="15"))
    assert (settings.shards, settings.shard) == (16, 15)
    again = Settings.from_environment(settings.environment() | {"EXCHANGE_PARENT_PID": "1"})
    assert (again.shards, again.shard) == (16, 15)


def test_as_many_as_its_data_has(tmp_path: Path) -> None:
    variables = environment(tmp_path)
    (tmp_path / "data" / SHARDS_FILE).write_text("3\n")
    assert Settings.from_environment(variables).shards == 3
    (tmp_path / "data" / SHARDS_FILE).write_text("many\n")
    with pytest.raises(ConfigError, match=r"data/shards: must be a whole number from 1 to 16, is 'many'"):
        Settings.from_environment(variables)


@pytest.mark.parametrize("text", ["0", "17", "-1", "two", "9" * 40, "²"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="EXCHANGE_SHARDS: must be a whole number from 1 to 16"):
        Settings.from_environment(environment(tmp_path, EXCHANGE_SHARDS=text))
    number = text if text[-1].isdigit() and text.isascii() else '"two"'
    with pytest.raises(ConfigError, match=r"shards\.count: must be"):
        Settings.from_environment(environment(tmp_path, f"[shards]\ncount = {number}\n{SMALL}"))


def test_the_number_that_is_checked_is_the_one_that_is_taken(tmp_path: Path) -> None:
    """Not its first twenty digits alone."""
    many = f"{1999:023}"
    with pytest.raises(ConfigError, match="EXCHANGE_SHARDS: must be a whole number from 1 to 16"):
        Settings.from_environment(environment(tmp_path, EXCHANGE_SHARDS=many))
    (tmp_path / "data" / SHARDS_FILE).write_text(many)
    with pytest.raises(ConfigError, match="data/shards: must be a whole number from 1 to 16"):
        Settings.from_environment(environment(tmp_path))


@pytest.mark.parametrize(
    ("option", "variables", "count", "said"),
    [
        (2, {"EXCHANGE_SHARDS": "4"}, 5, (2, "--shards 2")),
        (None, {"EXCHANGE_SHARDS": "2"}, 5, (2, "EXCHANGE_SHARDS=2")),
        (None, {}, 5, (5, "[shards] count = 5")),
        (None, {}, 1, (3, "data/shards")),
    ],
)
def test_who_says_how_many_there_are_to_be(
    tmp_path: Path, option: int | None, variables: dict[str, str], count: int, said: tuple[int, str]
) -> None:
    environment(tmp_path)
    (tmp_path / "data" / SHARDS_FILE).write_text("3\n")
    wanted = wanted_shards(option, variables, tmp_path / "data", count)
    assert (wanted.shards, wanted.said.removeprefix(f"{tmp_path}/")) == said
    if wanted.shards < 3:
        with pytest.raises(
            ConfigError, match=rf"^{wanted.said}: .* has 3 shards.*--shards 3, or without {wanted.said}"
        ):
            check_kept(wanted, tmp_path / "data")
    else:
        check_kept(wanted, tmp_path / "data")


def test_a_process_is_of_a_shard_that_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="EXCHANGE_SHARD: 2 is no shard of this venue, which has 2"):
        Settings.from_environment(environment(tmp_path, EXCHANGE_SHARD="2", EXCHANGE_SHARDS="2"))


def test_a_market_begins_where_it_is_said(tmp_path: Path) -> None:
    variables = environment(tmp_path, f"{SMALL}shard = 1\n")
    with pytest.raises(ConfigError, match=r"markets\.SOL_USDC\.shard: 1 is no shard of this venue, which has 1"):
        Settings.from_environment(variables)
    (market,) = Settings.from_environment({**variables, "EXCHANGE_SHARDS": "2"}).config.markets
    assert [first_shard(market, shards) for shards in (2, 5, 16)] == [1, 1, 1]
    with pytest.raises(ConfigError, match=r"markets\.SOL_USDC\.shard: must be from -1 to 15"):
        Settings.from_environment(environment(tmp_path, f"{SMALL}shard = 16\n"))


def test_else_its_symbol_says_where(tmp_path: Path) -> None:
    """By a hash that is the same in every process and version: here it is written down."""
    environment(tmp_path)
    (market,) = load(tmp_path / "exchange.toml").markets
    assert market.shard == ANY_SHARD
    assert first_shard(market, 1) == 0
    assert [first_shard(market, shards) for shards in (2, 3, 16)] == [0, 2, 2]


def test_the_node_of_a_cluster_that_has_the_shard(tmp_path: Path) -> None:
    plain = Settings.from_environment(environment(tmp_path, EXCHANGE_SHARDS="2", REDIS_URL="redis://one:1/0"))
    assert plain.redis_of(1) == plain.redis_of(0) == "redis://one:1/0"
    variables = environment(tmp_path, EXCHANGE_SHARDS="3", REDIS_URL="redis+cluster://me:p%2Fw@one,[::1]:7?a=b")
    cluster = Settings.from_environment(variables)
    assert [cluster.redis_of(shard) for shard in (0, 2)] == [
        "redis+cluster://me:p%2Fw@one,[::1]:7/0?a=b",
        "redis+cluster://me:p%2Fw@one,[::1]:7/2?a=b",
    ]
    child = Settings.from_environment({**cluster.environment(), "EXCHANGE_SHARD": "1"})
    assert child.redis_of(0).endswith("/0?a=b")
