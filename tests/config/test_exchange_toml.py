"""exchange.toml: what is right is read, what is wrong is refused by the name of its key."""

import re
import tempfile
from pathlib import Path

import pytest

from engine_core.config.exchange_toml import Config, load
from engine_core.config.settings import Settings, runtime_folder, session_secret, without_password, write_private
from engine_core.config.toml_section import ConfigError
from engine_core.wire.limits import PPM

SHIPPED = Path(__file__).parents[2] / "exchange.toml"

SMALL = """
[assets.USDC]
number = 1
decimals = 6
[assets.SOL]
number = 2
decimals = 9
[markets.SOL_USDC]
number = 1
tick_size = "0.01"
lot_size = "0.01"
"""


def config(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "exchange.toml"
    path.write_text(text)
    return load(path)


def test_the_shipped_file_is_valid() -> None:
    shipped = load(SHIPPED)
    assert {"SOL_USDC", "BTC_USDC", "ETH_USDC"} <= {market.symbol for market in shipped.markets}
    for market in shipped.markets:
        assert market.units.ticks(market.start_price) > 0
        assert 0 < market.maker_ppm <= market.taker_ppm < PPM


def test_defaults_make_a_small_file_enough(tmp_path: Path) -> None:
    small = config(tmp_path, SMALL)
    market = small.markets[0]
    assert (market.base, market.quote, market.base_asset, market.quote_asset) == ("SOL", "USDC", 2, 1)
    assert (market.lot_atoms, market.tick_atoms, market.min_lots, market.maker_ppm) == (10**7, 100, 1, 0)
    assert (small.durability, small.replicas) == ("everysec", 0) and small.server.host == "127.0.0.1"


def test_every_key_of_the_shipped_file_is_needed_or_known() -> None:
    """Misspelling any key is an error that names it."""
    text = SHIPPED.read_text()
    keys = set(re.findall(r"^(\w+) =", text, re.MULTILINE))
    assert len(keys) > 30
    for key in sorted(keys):
        wrong = re.sub(rf"^{key} =", f"{key}x =", text, count=1, flags=re.MULTILINE)
        path = Path("exchange.toml")
        with pytest.raises(ConfigError, match=key):
            _load_text(wrong, path)


def _load_text(text: str, name: Path) -> Config:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text)
        return load(path)


@pytest.mark.parametrize(
    ("find", "replacement", "message"),
    [
        ('tick_size = "0.01"', "tick_size = 0.01", "markets.SOL_USDC.tick_size: must be text in quotes"),
        ('tick_size = "0.01"', 'tick_size = "0.00000001"', "markets.SOL_USDC.tick_size: one lot"),
        ('tick_size = "0.01"', 'tick_size = "1e-2"', "markets.SOL_USDC.tick_size: "),
        ('tick_size = "0.01"\n', "", "markets.SOL_USDC.tick_size: is missing"),
        ('lot_size = "0.01"', 'lot_size = "0"', "markets.SOL_USDC.tick_size: tick size and lot size must be greater"),
        (
            'lot_size = "0.01"',
            'lot_size = "0.01"\nmin_quantity = "0.015"',
            "markets.SOL_USDC.min_quantity: quantity: '0.015' has more",
        ),
        ('lot_size = "0.01"', 'lot_size = "0.01"\nmax_quantity = "1e9"', "markets.SOL_USDC.max_quantity: "),
        ('lot_size = "0.01"', 'lot_size = "0.01"\ntaker_ppm = -1', "markets.SOL_USDC.taker_ppm: must be from 0"),
        (
            'lot_size = "0.01"',
            'lot_size = "0.01"\ntaker_ppm = true',
            "markets.SOL_USDC.taker_ppm: must be a whole number",
        ),
        ('lot_size = "0.01"', 'lot_size = "0.01"\nspeed = 1', "markets.SOL_USDC.speed: is not a known key"),
        ("decimals = 9", "decimals = 18", "assets.SOL.decimals: 18 is too many: balances are 64-bit"),
        ("number = 2", "number = 3", "assets.SOL.number: numbers run from 1 without gaps"),
        ("number = 2", "number = 1", "assets.SOL.number: 1 is taken by USDC"),
        ("[assets.SOL]", "[assets.sol]", "assets.sol: a symbol is 1 to 8 capital letters"),
        ("[markets.SOL_USDC]", "[markets.SOL_EUR]", "markets.SOL_EUR: there is no asset EUR"),
        ("[markets.SOL_USDC]", "[markets.SOLUSDC]", "markets.SOLUSDC: a market is named BASE_QUOTE"),
        ("[assets.USDC]", "[capacity]\nassets = 1\n[assets.USDC]", "capacity.assets: must be from 2"),
        (
            "[assets.USDC]",
            "[log]\ndurability = 'maybe'\n[assets.USDC]",
            "log.durability: must be one of always, everysec, replicated",
        ),
        (
            "[assets.USDC]",
            "[log]\ndurability = 'replicated'\n[assets.USDC]",
            'log.replicas: must be at least 1 with durability = "replicated"',
        ),
        (
            "[assets.USDC]",
            "[log]\nreplicas = 1\n[assets.USDC]",
            'log.replicas: needs durability = "replicated", which waits for them',
        ),
        ("[assets.USDC]", "[engine]\nring_slots = 5000\n[assets.USDC]", "engine.ring_slots: must be a power of two"),
        ("[assets.USDC]", '[server]\nhost = ""\n[assets.USDC]', "server.host: must name a host, is empty"),
        ("[assets.USDC]", "[server]\nhttp_port = 8081\n[assets.USDC]", "server.ws_port: is the same as http_port"),
        (
            "[assets.USDC]",
            "[rate_limits]\norders_per_second = 5\n[assets.USDC]",
            "rate_limits.orders_burst: must be at least",
        ),
        ("[assets.USDC]", "[spelling]\n[assets.USDC]", "spelling: is not a known key"),
        ("[assets.USDC]", "assets = 5\n[assets.USDC]", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, find: str, replacement: str, message: str) -> None:
    assert find in SMALL
    with pytest.raises(ConfigError) as error:
        config(tmp_path, SMALL.replace(find, replacement, 1))
    assert message in str(error.value) and "exchange.toml" in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "other.toml")


def test_bare_has_no_limits(tmp_path: Path) -> None:
    bare = load(SHIPPED).for_profile("bare")
    assert bare.rate_limits.orders_per_second == 0
    assert all((m.band_up_ppm, m.band_down_ppm, m.impact_ppm, m.max_open_orders) == (0, 0, 0, 0) for m in bare.markets)
    assert load(SHIPPED).for_profile("demo") == load(SHIPPED)


def test_settings_survive_the_way_through_the_environment(tmp_path: Path, runtime: Path) -> None:
    given = {
        "EXCHANGE_CONFIG": str(SHIPPED),
        "EXCHANGE_DATA": str(tmp_path),
        "EXCHANGE_RUNTIME": str(runtime),
        "EXCHANGE_PROFILE": "bare",
        "EXCHANGE_HTTP_PORT": "9000",
        "EXCHANGE_WORKER": "3",
        "DATABASE_URL": "postgresql:///somewhere",
    }
    settings = Settings.from_environment(given)
    assert (settings.http_port, settings.worker, settings.profile) == (9000, 3, "bare")
    assert settings.redis_url == f"unix://{runtime}/valkey.sock"
    assert Settings.from_environment(settings.environment()) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXCHANGE_HTTP_PORT", "70000"),
        ("EXCHANGE_WORKER", "-1"),
        ("EXCHANGE_PROFILE", "prod"),
        ("EXCHANGE_SESSION_SECRET", "xy"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, runtime: Path, name: str, value: str) -> None:
    given = {
        "EXCHANGE_CONFIG": str(SHIPPED),
        "EXCHANGE_DATA": str(tmp_path),
        "EXCHANGE_RUNTIME": str(runtime),
        name: value,
    }
    with pytest.raises(ConfigError, match=name):
        Settings.from_environment(given)


def test_workers_agree_on_the_session_secret(tmp_path: Path) -> None:
    first = session_secret(tmp_path)
    assert session_secret(tmp_path) == first and len(first) == 32
    assert (tmp_path / "session-secret").stat().st_mode & 0o777 == 0o600


def test_private_files_are_private_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_passwords_do_not_reach_messages() -> None:
    assert "pass" not in without_password("redis://user:pass@host:6379/0")
    assert without_password("unix:///run/valkey.sock") == "unix:///run/valkey.sock"


def test_only_a_role_makes_the_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that asks where an exchange is leaves nothing behind."""
    monkeypatch.delenv("EXCHANGE_RUNTIME", raising=False)
    monkeypatch.setenv("EXCHANGE_CONFIG", str(SHIPPED))
    monkeypatch.setenv("EXCHANGE_DATA", str(tmp_path / "a"))
    folder = Settings.from_environment().runtime
    assert not folder.exists()
    try:
        assert Settings.of_role().runtime == folder and folder.is_dir()
    finally:
        folder.rmdir()


def test_the_runtime_folder_is_short_private_and_one_for_each_data_folder(tmp_path: Path) -> None:
    one, other = runtime_folder(tmp_path / "a"), runtime_folder(tmp_path / "b")
    try:
        assert one != other and one == runtime_folder(tmp_path / "a")
        assert len(str(one)) < 80 and one.stat().st_mode & 0o777 == 0o700
        one.chmod(0o755)
        with pytest.raises(ConfigError, match="0700"):
            runtime_folder(tmp_path / "a")
    finally:
        one.rmdir()
        other.rmdir()
