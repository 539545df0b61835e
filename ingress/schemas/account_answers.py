"""The bodies of the API's answers about accounts, sessions and keys, and to administrators. See answers.py."""

from typing import Final, Literal

import msgspec

from engine_core.edge.spelling import PermissionWord, SideWord
from engine_core.process.look import Look, Number, Times
from ingress.schemas.example import API_KEY, FEES, example

_BALANCE: Final = {"available": "1000", "locked": "210.75", "staked": "0"}
_SESSION: Final = {"account": 7, "csrfToken": "9f86d081", "streamToken": "AQE", "wsUrl": "ws://127.0.0.1:8081/ws"}


@example({"shard": 1, "available": "400", "locked": "0"})
class ShardBalance(msgspec.Struct):
    """What of a balance is in one shard; orders of the markets there are paid from it."""

    shard: int
    available: str
    locked: str


@example(_BALANCE)
class Balance(msgspec.Struct):
    """Of all shards. Where there are several: `shards` says where it is, and `inFlight` what is on its way between
    them, which is part of neither."""

    available: str
    locked: str
    staked: str = "0"
    inFlight: str | msgspec.UnsetType = msgspec.UNSET
    shards: list[ShardBalance] | msgspec.UnsetType = msgspec.UNSET


_MOVED: Final = {"symbol": "USDC", "quantity": "250", "from": 0, "to": 1}


@example({"id": "0-1-7", **_MOVED, "clientId": "to the other markets", "status": "complete"})
class Moved(msgspec.Struct):
    """`id`: as in the list of moves; of a repeat, that of what was moved before."""

    id: str
    symbol: str
    quantity: str
    source: int = msgspec.field(name="from")
    target: int = msgspec.field(name="to")
    clientId: str | None = None
    status: Literal["complete"] = "complete"


@example(
    {
        **{"id": "0-1-7", **_MOVED, "status": "complete"},
        **{"createdAt": "2026-03-04T05:06:07.123", "arrivedAt": "2026-03-04T05:06:07.125"},
    }
)
class ShardTransfer(msgspec.Struct, kw_only=True):
    """Money of the account that went from one shard to another. `id`: both, and its number among those between them.
    `clientId` is there if the list was asked for it: the logs have no more of it than a hash."""

    id: str
    symbol: str
    quantity: str
    source: int = msgspec.field(name="from")
    target: int = msgspec.field(name="to")
    clientId: str | msgspec.UnsetType = msgspec.UNSET
    status: Literal["complete", "inFlight"]
    createdAt: str
    arrivedAt: str | None


@example(
    {
        **{"spotMakerFee": "2", "spotTakerFee": "5", "futuresMakerFee": "0", "futuresTakerFee": "0"},
        **{"limitOrders": 3, "triggerOrders": 0, "autoBorrowSettlements": False, "autoLend": False},
        **{"autoRealizePnl": False, "autoRepayBorrows": False, "liquidating": False, "borrowLimit": "0"},
        **{"leverageLimit": "1", "positionLimit": "0"},
    }
)
class Account(msgspec.Struct, kw_only=True):
    spotMakerFee: str
    spotTakerFee: str
    futuresMakerFee: str = "0"
    futuresTakerFee: str = "0"
    limitOrders: int
    triggerOrders: int
    autoBorrowSettlements: bool = False
    autoLend: bool = False
    autoRealizePnl: bool = False
    autoRepayBorrows: bool = False
    liquidating: bool = False
    borrowLimit: str = "0"
    leverageLimit: str = "1"
    positionLimit: str = "0"
    autoTransfer: bool | msgspec.UnsetType = msgspec.UNSET  # where there are several shards


@example({"symbol": "SOL_USDC", "side": "Bid", "maxOrderQuantity": "7.11"})
class MaxOrder(msgspec.Struct):
    symbol: str
    side: SideWord
    maxOrderQuantity: str


@example(
    {
        **{"symbol": "USDC", "maxWithdrawalQuantity": "1000", "autoBorrow": None, "autoLendRedeem": None},
    }
)
class MaxWithdrawal(msgspec.Struct):
    symbol: str
    maxWithdrawalQuantity: str
    autoBorrow: bool | None = None
    autoLendRedeem: bool | None = None


@example({"symbol": "USDC", "maxBorrowQuantity": "0"})
class MaxBorrow(msgspec.Struct):
    symbol: str
    maxBorrowQuantity: str = "0"


@example(
    {
        **dict.fromkeys(("assetsValue", "borrowLiability", "imf", "mmf", "netEquity", "netEquityAvailable"), "0"),
        **dict.fromkeys(("netEquityLocked", "netExposureFutures", "pnlUnrealized", "unsettledEquity"), "0"),
        **{"liabilitiesValue": "0", "marginFraction": None, "collateral": []},
    }
)
class Collateral(msgspec.Struct):
    """Of a spot account: none."""

    assetsValue: str = "0"
    borrowLiability: str = "0"
    imf: str = "0"
    mmf: str = "0"
    netEquity: str = "0"
    netEquityAvailable: str = "0"
    netEquityLocked: str = "0"
    netExposureFutures: str = "0"
    pnlUnrealized: str = "0"
    unsettledEquity: str = "0"
    liabilitiesValue: str = "0"
    marginFraction: str | None = None
    collateral: list[None] = []


@example({"address": "account-7"})
class DepositAddress(msgspec.Struct):
    address: str


@example({"wsUrl": "ws://127.0.0.1:8081/ws", "demo": True, "signedIn": False})
class SessionConfig(msgspec.Struct):
    """`demo`: whether a demo session may be asked for; `signedIn`: whether this browser has a session already."""

    wsUrl: str
    demo: bool
    signedIn: bool


@example(_SESSION | {"account": 5})
class DemoSession(msgspec.Struct):
    account: int
    csrfToken: str
    streamToken: str
    wsUrl: str


@example(
    {
        **{"account": 7, "symbol": "USDC", "quantity": "1000", "reference": "20260101001", "available": "2000"},
    }
)
class AdminTransfer(msgspec.Struct):
    account: int
    symbol: str
    quantity: str
    reference: str
    available: str


@example(FEES)
class AdminFees(msgspec.Struct):
    symbol: str
    tier: int
    makerPpm: int
    takerPpm: int


@example(_SESSION | {"name": "alice", "secondFactor": False})
class UserSession(DemoSession):
    """`csrfToken` goes with every changing request as X-CSRF-Token, `streamToken` to the private streams."""

    name: str | None  # none for the demo session
    secondFactor: bool


_NOTED_KEY: Final = API_KEY | {"name": "grid bot", "createdAt": 1790000000000, "lastUsedAt": 1790000900000}


@example(_NOTED_KEY)
class ApiKey(msgspec.Struct):
    """Times in Unix ms. `createdAt` is null of a key that is not stored yet or older than that keys are stored;
    `lastUsedAt`, to the minute, of one that was never used. Name and times are absent while the database is away."""

    apiKey: str  # base64 of the public key
    permissions: list[PermissionWord]
    name: str | msgspec.UnsetType = msgspec.UNSET
    createdAt: int | msgspec.UnsetType | None = msgspec.UNSET
    lastUsedAt: int | msgspec.UnsetType | None = msgspec.UNSET


@example(
    API_KEY | {"name": "grid bot", "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "withdrawsFrom": None}
)
class NewApiKey(ApiKey, kw_only=True):
    """`secret` is shown once and kept nowhere; null if the client made the pair itself. `withdrawsFrom`: Unix ms."""

    secret: str | None
    withdrawsFrom: int | None = None


@example(
    {
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/Exchange:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Exchange",
    }
)
class SecondFactor(msgspec.Struct):
    """For an authenticator: the secret in base32, and the same as a link. It counts once a code is confirmed."""

    secret: str
    uri: str


@example(
    {
        "id": "5f1e0c2b7a9d4c3e8b6a5d4c3b2a1908",
        "createdAt": 1790000000000,
        "expiresAt": 1790043200000,
        "address": "198.51.100.7",
        "userAgent": "Mozilla/5.0",
        "current": True,
    }
)
class SessionInfo(msgspec.Struct):
    """An open session; `current`: the one that asks."""

    id: str
    createdAt: int
    expiresAt: int
    address: str
    userAgent: str
    current: bool


@example({"account": 7, "frozen": False, "feeTier": 0, "keys": [_NOTED_KEY], "balances": {"USDC": _BALANCE}})
class AdminAccount(msgspec.Struct):
    """`silentShards`: those that do not answer at present, whose part the balances lack; they get what was changed when
    they are back."""

    account: int
    frozen: bool
    feeTier: int
    keys: list[ApiKey]
    balances: dict[str, Balance]
    silentShards: list[int] | msgspec.UnsetType = msgspec.UNSET


_NUMBER: Final = {"name": "matched_commands_total", "value": "8841", "labels": {}}
_TIMES: Final = {"name": "order_stage_seconds", "counts": [0, 7, 12, 3], "labels": {"stage": "matched"}}
_LOOK: Final = {
    **{"role": "engine", "worker": 0, "atMs": 5012250, "cpuMs": 41500, "memoryBytes": 734003200, "notReady": ""},
    **{"numbers": [_NUMBER], "times": [_TIMES]},
}
example(_NUMBER)(Number)
example(_TIMES)(Times)
example(_LOOK)(Look)


@example({"boundsUs": [10, 20, 50], "processes": [_LOOK], "silent": ["standby.1"]})
class AdminStatus(msgspec.Struct):
    """`boundsUs`: the upper bounds in µs of all `counts` but the last. `silent`: who has a socket and no answer."""

    boundsUs: list[int]
    processes: list[Look]
    silent: list[str]
