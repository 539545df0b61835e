"""The routes about accounts rather than orders: sessions and keys of users, transfers, and the administrator's."""

from typing import Any

from engine_core.wire.codes import KeyPermission
from engine_core.wire.limits import MAX_ACCOUNT
from ingress.access.rate_limits import Cost
from ingress.api.route import EMPTY, FROM, FROM_ID, ID, LIMIT, MS, OFFSET, TEXT, TO, Param, Route, private_read
from ingress.dispatch import Body, Credentials, Endpoint, Operation
from ingress.operations import account, administrator, history, moves, transfers
from ingress.requests.fields import CHAIN
from ingress.schemas import account_answers, answers, bodies
from ingress.users import guards, keys, sessions, sign_in, visitors

_READ, _TRADE, _WITHDRAW = KeyPermission.READ, KeyPermission.TRADE, KeyPermission.WITHDRAW
_SPAN = (FROM, TO, Param("endTime", MS))
_TRANSFERS_PAGE = (*_SPAN, LIMIT, OFFSET, FROM_ID)
_ASSET = Param("symbol", {"type": "string", "examples": ["USDC"]}, required=True)
_CHAIN = Param("blockchain", {"type": "string", "enum": [CHAIN]}, required=True)
_ACCOUNT = Param("account", {"type": "integer", "minimum": 1, "maximum": MAX_ACCOUNT}, required=True)
_SESSION, _KEYS, _ADMIN = "/api/v1/session", "/api/v1/keys", "/api/v1/admin"
_MOVES = "/api/v1/capital/transfer"
_TOTP = f"{_SESSION}/totp"
_OF_SESSION = Credentials("", KeyPermission.READ)
_NOTHING = dict[str, str]


def _page(method: str, path: str, summary: str, operation: Operation, answer: Any, body: Any = None) -> Route:
    """Of the page, before there is a session."""
    form = Body.OBJECT if body is not None else Body.QUERY
    return Route(method, path, "Session", summary, Endpoint(operation, form), answer, body=body)


def _user(method: str, path: str, summary: str, operation: Operation, answer: Any, body: Any = None) -> Route:
    """Of a signed-in user, with the session alone: a key can make no keys."""
    form = Body.OBJECT if body is not None else Body.QUERY
    return Route(method, path, "Session", summary, Endpoint(operation, form, _OF_SESSION), answer, body=body)


def _change(
    method: str, path: str, instruction: str, summary: str, operation: Operation, types: tuple[Any, Any]
) -> Route:
    """A change that needs the permission to withdraw, once by its clientId; `types`: of its body and of its answer."""
    credentials = Credentials(instruction, KeyPermission.WITHDRAW, by_operation=True)
    endpoint = Endpoint(operation, Body.OBJECT, credentials, Cost.ORDERS)
    return Route(method, path, "Account", summary, endpoint, types[1], body=types[0])


def _admin(
    method: str, path: str, instruction: str, permission: KeyPermission, summary: str, work: tuple[Operation, Any, Any]
) -> Route:
    """`work`: the operation, and the types of its body (None: parameters) and of its answer."""
    operation, body, answer = work
    form = Body.OBJECT if body is not None else Body.QUERY
    by_operation = operation in (administrator.deposit, administrator.withdraw)  # by their reference
    credentials = Credentials(instruction, permission, by_operation=by_operation)
    endpoint = Endpoint(administrator.only(operation), form, credentials, Cost.ORDERS)
    params = (_ACCOUNT,) if operation is administrator.account else ()
    return Route(method, f"{_ADMIN}/{path}", "Administrator", summary, endpoint, answer, params, body)


_SESSIONS = (
    _page(
        "GET",
        f"{_SESSION}/config",
        "Where the streams are, and whether this page may have a demo session",
        sessions.config,
        account_answers.SessionConfig,
    ),
    _page(
        "POST",
        f"{_SESSION}/demo",
        "Open a session of a demo account: on this machine, or where the operator admits visitors",
        visitors.demo,
        account_answers.DemoSession,
    ),
    _page("POST", f"{_SESSION}/signup", "Sign up", sign_in.sign_up, account_answers.UserSession, bodies.SignIn),
    _page("POST", _SESSION, "Log in", sign_in.log_in, account_answers.UserSession, bodies.LogIn),
    _user("GET", _SESSION, "The current session", sign_in.current, account_answers.UserSession),
    _user("DELETE", _SESSION, "Log out", sign_in.log_out, _NOTHING),
    _user(
        "PATCH", f"{_SESSION}/password", "Change the password", guards.change_password, _NOTHING, bodies.ChangePassword
    ),
    _user("GET", f"{_SESSION}/all", "The open sessions", guards.list_sessions, list[account_answers.SessionInfo]),
    _user("DELETE", f"{_SESSION}/all", "End sessions", guards.end_sessions, _NOTHING, bodies.EndSessions),
    _user("POST", _TOTP, "Enrol a second factor (TOTP)", guards.begin_totp, account_answers.SecondFactor, bodies.Proof),
    _user(
        "PATCH", _TOTP, "Confirm the second factor with a first code", guards.confirm_totp, _NOTHING, bodies.ConfirmCode
    ),
    _user("DELETE", _TOTP, "Remove the second factor", guards.remove_totp, _NOTHING, bodies.Proof),
    _user("GET", _KEYS, "The account's API keys", keys.list_keys, list[account_answers.ApiKey]),
    _user("POST", _KEYS, "Create an API key", keys.make_key, account_answers.NewApiKey, bodies.MakeKey),
    _user("DELETE", _KEYS, "Revoke an API key, at once", keys.delete_key, account_answers.ApiKey, bodies.DeleteKey),
)

_TRANSFERS = (
    private_read(
        "Account",
        "/wapi/v1/capital/deposits",
        "depositQueryAll",
        "Deposits",
        (history.deposits, list[answers.Deposit]),
        _TRANSFERS_PAGE,
    ),
    private_read(
        "Account",
        "/wapi/v1/capital/withdrawals",
        "withdrawalQueryAll",
        "Withdrawals",
        (history.withdrawals, list[answers.Withdrawal]),
        (Param("id", ID), Param("clientId", TEXT), *_TRANSFERS_PAGE),
    ),
    _change(
        "POST",
        "/wapi/v1/capital/withdrawals",
        "withdraw",
        "Withdraw",
        transfers.withdraw,
        (bodies.Withdraw, answers.Withdrawal),
    ),
    private_read(
        "Account",
        "/wapi/v1/capital/deposit/address",
        "depositAddressQuery",
        "Where to send deposits",
        (transfers.deposit_address, account_answers.DepositAddress),
        (_CHAIN,),
    ),
    private_read(
        "Account",
        "/api/v1/account/limits/withdrawal",
        "maxWithdrawalQuantity",
        "The most that can be withdrawn",
        (transfers.max_withdrawal, account_answers.MaxWithdrawal),
        (_ASSET,),
    ),
    Route(
        "POST",
        _MOVES,
        "Account",
        "Move funds to another shard, where a venue has several",
        Endpoint(moves.move, Body.OBJECT, Credentials("transfer", _TRADE, by_operation=True), Cost.ORDERS),
        account_answers.Moved,
        body=bodies.Move,
    ),
    private_read(
        "Account",
        _MOVES,
        "transferQueryAll",
        "Moves between shards",
        (moves.moves, list[account_answers.ShardTransfer]),
        (Param("clientId", TEXT), *_SPAN, LIMIT, OFFSET),
    ),
    private_read(
        EMPTY,
        "/api/v1/account/limits/borrow",
        "maxBorrowQuantity",
        "Always zero on a spot exchange",
        (account.max_borrow, account_answers.MaxBorrow),
        (_ASSET,),
    ),
    private_read(
        EMPTY,
        "/api/v1/capital/collateral",
        "collateralQuery",
        "Always empty on a spot exchange",
        (account.collateral, account_answers.Collateral),
    ),
    Route(
        "PATCH",
        "/api/v1/account",
        "Account",
        "Change settings: `autoTransfer`",
        Endpoint(account.update_account, Body.OBJECT, Credentials("accountUpdate", KeyPermission.TRADE), Cost.ORDERS),
        _NOTHING,
        body=bodies.UpdateAccount,
    ),
)

_ANY_ACCOUNT = account_answers.AdminAccount
_ADMINISTRATION = (
    _admin(
        "GET",
        "status",
        "adminStatusQuery",
        _READ,
        "What each process shows of itself: counters, gauges, histograms",
        (administrator.status, None, account_answers.AdminStatus),
    ),
    _admin("GET", "account", "adminAccountQuery", _READ, "An account", (administrator.account, None, _ANY_ACCOUNT)),
    _admin(
        "POST",
        "account",
        "adminAccountCreate",
        _TRADE,
        "Create the next account",
        (administrator.new_account, bodies.Nothing, _ANY_ACCOUNT),
    ),
    _admin(
        "PATCH",
        "account",
        "adminAccountUpdate",
        _TRADE,
        "Freeze or unfreeze an account, set its fee tier",
        (administrator.change_account, bodies.AdminChangeAccount, _ANY_ACCOUNT),
    ),
    _admin(
        "POST",
        "keys",
        "adminKeyCreate",
        _TRADE,
        "Register a public key for an account",
        (administrator.add_key, bodies.AdminMakeKey, account_answers.ApiKey),
    ),
    _admin(
        "DELETE",
        "keys",
        "adminKeyDelete",
        _TRADE,
        "Revoke any API key",
        (administrator.delete_key, bodies.DeleteKey, _ANY_ACCOUNT),
    ),
    _admin(
        "POST",
        "deposits",
        "adminDeposit",
        _WITHDRAW,
        "Credit an account",
        (administrator.deposit, bodies.AdminMove, account_answers.AdminTransfer),
    ),
    _admin(
        "POST",
        "withdrawals",
        "adminWithdraw",
        _WITHDRAW,
        "Debit an account",
        (administrator.withdraw, bodies.AdminMove, account_answers.AdminTransfer),
    ),
    _admin(
        "PATCH",
        "market",
        "adminMarketUpdate",
        _TRADE,
        "Open, close or restrict a market",
        (administrator.market_state, bodies.AdminMarket, answers.Market),
    ),
    _admin(
        "PATCH",
        "fees",
        "adminFeesUpdate",
        _TRADE,
        "Set the fees of a tier on a market",
        (administrator.fees, bodies.AdminSetFees, account_answers.AdminFees),
    ),
)

ACCOUNT_ROUTES: tuple[Route, ...] = (*_SESSIONS, *_TRANSFERS, *_ADMINISTRATION)
