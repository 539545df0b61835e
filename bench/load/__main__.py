"""Loads any exchange that speaks the API, in an open loop, and accounts for every order and all money.

    exchange load --make-keys FILE [--accounts N]         accounts of its own, once
    exchange load --keys FILE [--rate N] [--json FILE]    latency from when each order was due
    exchange load --keys FILE --find-knee --p99 5ms       the highest rate at which the bound holds

Arrivals are drawn and requests signed before the clock starts, so what the exchange does changes neither. A result is
called one only if every order is accounted for and every balance changed by what its fills say (outcome/accounting.py).
Exit status 0, else 1; 130 after Ctrl-C or SIGTERM, which give the result so far.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

import numpy as np

from bench.compiling import say_if_compiling
from bench.entry import INTERRUPTED
from bench.load import knee, run
from bench.load.job import Target
from bench.load.options import PER_CLOSED_SECOND, RATE, SECONDS, check, parser
from bench.load.outcome.accounting import Accounting
from bench.load.outcome.histograms import write_log
from bench.load.outcome.result import Result
from bench.load.outcome.tally import Columns
from bench.load.plan import keys, markets, schedule, sources
from bench.load.plan.orders import Orders
from bench.load.progress import Screen
from bench.load.run import Plan
from bench.load.targets import answers
from bench.load.targets.api import Account, Address, Api, BenchError
from bench.own_folder import sigterm_as_interrupt
from bench.report.conditions import conditions_of
from bench.report.result import Figure, Run
from bench.report.stages import StageSampler
from engine_core.config.settings import KEYS_FILE
from engine_core.operator.target.running import CommandError, find, require
from engine_core.operator.target.running import Run as RunningExchange

NEW_ACCOUNTS = 10
FEWEST_ORDERS = 100  # that a rate is judged by
COUNTED = ("scheduled", "sent", "accepted", "refused", "unknown", "accounted", "interrupted")  # of a search


def main(argv: list[str] | None = None) -> int:
    made = parser()
    options = made.parse_args(argv)
    check(made, options)
    try:
        with sigterm_as_interrupt(), Screen() as screen:
            if options.make_keys:
                return _make_keys(options, screen)
            return _load(options, screen)
    except (BenchError, CommandError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _make_keys(options: argparse.Namespace, screen: Screen) -> int:
    count = options.accounts or NEW_ACCOUNTS
    funders = keys.read(options.fund_from) if options.fund_from else []
    with Api(_url(options), options.patience) as api, keys.KeyFile(options.make_keys, count) as file:
        screen.phase("signing up", count)
        try:
            keys.make(api, file, funders, lambda done: screen.advance(done, f"{done} of {count}"))
        except KeyboardInterrupt:
            screen.close()
            print(f"interrupted: {file}{' (without funds)' if funders else ''}", file=sys.stderr)
            return INTERRUPTED
        except BenchError as error:
            raise BenchError(f"{error}\n{file}" if file.accounts else str(error)) from None
    print(f"{file}: exchange load --keys {shlex.quote(str(file.path))} --url {shlex.quote(api.address.url)}")
    return 0


def _load(options: argparse.Namespace, screen: Screen) -> int:
    form = Run("load", options, seed=options.seed)
    with Api(_url(options), options.patience) as api:
        screen.phase(f"waiting for {api.address.url}")
        plan = _plan(options, api)
        if plan.target is Target.ORDER_ENTRY:
            say_if_compiling(answers.__file__)
        form.conditions = conditions_of(options.data) if _is_local(options) else {}
        accounting = Accounting(api, plan.accounts, plan.markets, screen.phase, screen.warn, options.books_patience)
        return (_find_knee if options.find_knee else _measure)(options, plan, accounting, screen, form)


def _measure(options: argparse.Namespace, plan: Plan, accounting: Accounting, screen: Screen, form: Run) -> int:
    random = np.random.default_rng(options.seed)
    orders, text = _orders(options, plan, random)
    closed = (options.seconds or SECONDS) if options.closed else 0.0
    with StageSampler(_runtime(options)) as stages:
        measured = run.measure(plan, orders, text, screen, closed)
    result = measured.settled(accounting)
    screen.close()
    _print(result, stages)
    if options.hdr:
        chosen = result.measured
        due_ns = result.columns.due_ns[chosen]
        write_log(options.hdr, result.waited_ns[chosen], due_ns, result.start_ms, f"exchange load: {text}")
    own = result.own() | {"stages": stages.rows}
    form.write(options.json, result.figures(), result.checks(), result.curves(), own)
    return _status(result)


def _find_knee(options: argparse.Namespace, plan: Plan, accounting: Accounting, screen: Screen, form: Run) -> int:
    seconds = options.seconds or SECONDS / 2

    first = options.rate or RATE
    lowest = min(first, FEWEST_ORDERS / seconds)
    print(f"at most {knee.MOST_STEPS} rates of {seconds:g} s each, none below {lowest:,.0f}/s", flush=True)

    def measure(rate: float, left: int) -> Result:
        random = np.random.default_rng(options.seed)
        at_ns = schedule.poisson(rate, max(seconds, FEWEST_ORDERS / rate), random)
        orders = sources.synthetic(at_ns, len(plan.accounts), plan.markets, random)
        return run.measure(plan, orders, f"{plan.target}, {rate:,.0f}/s, {left} more at most", screen)

    def tried(so_far: knee.Knee, rate: float, result: Result) -> None:
        shown = "  ".join(
            f"{name} {result.histogram.at_ms(value):8.2f}" for name, value in (("p50", 50.0), ("p99", 99.0))
        )
        lost = f"refused {result.refused:,}  unknown {result.unknown:,}"
        judged = so_far.judged(result)
        print(f"{rate:10,.0f}/s  {shown}  max {result.histogram.max_ms:8.2f} ms  {lost}  {judged}", flush=True)
        for warning in result.warnings():
            print(f"{'':14}{warning}", flush=True)

    found = knee.find(measure, first, lowest, options.p99, tried)
    last = found.steps[-1][1]
    whole = Result(
        load=f"{plan.target}, a search of the knee",
        columns=Columns.joined([result.columns for _, result in found.steps]),
        start_ms=last.start_ms,
        end_ns=last.end_ns,
        processes=last.processes,
        machine_cpu=last.machine_cpu,
        interrupted=last.interrupted,
        is_search=True,
    ).settled(accounting)
    screen.close()
    _print_verdict(whole)
    if whole.is_accounted:
        print(found.verdict())
    counted = {name: whole.own()[name] for name in COUNTED}
    figures = [Figure("knee", found.rate, "/s", "higher")]
    form.write(options.json, figures, whole.checks(), found.curves(), found.own() | counted)
    return _status(whole)


def _plan(options: argparse.Namespace, api: Api) -> Plan:
    symbols = [name.strip() for name in options.markets.split(",")]
    found = markets.look_up(api, symbols, by_rest=options.target is Target.REST)
    accounts = _accounts(options)
    streams = _streams(options) if options.readers else None
    if options.readers and streams is None:
        raise BenchError("--readers needs the address of the streams: name it with --ws")
    is_log = options.target is Target.LOG
    return Plan(
        target=options.target,
        address=api.address,
        accounts=accounts,
        markets=found,
        connections=options.connections,
        processes=options.processes,
        in_flight=options.in_flight,
        patience=options.patience,
        redis=_local(options).redis if is_log else "",
        block=options.block,
        stream_address=Address.of(streams, "--ws", ("ws", "wss")) if streams else None,
        readers=options.readers,
    )


def _orders(options: argparse.Namespace, plan: Plan, random: np.random.Generator) -> tuple[Orders, str]:
    """What is sent and when, and that in words."""
    seconds, accounts = options.seconds or SECONDS, len(plan.accounts)
    if options.replay is not None or options.flow:
        if options.flow:
            orders = sources.of_flow(options.flow, accounts, plan.markets)
        else:
            orders = sources.captured(
                Path(options.replay) if options.replay else None, accounts, plan.markets[0], random
            )
        at_ns = schedule.faster(orders.at_ns, options.speed)
        kept = at_ns < options.seconds * 1e9 if options.seconds else np.ones(len(at_ns), bool)
        return Orders(at_ns, orders.commands).part(
            kept
        ), f"{plan.target}, {options.flow or 'capture'} at x {options.speed:g}"
    if options.closed:
        count = min(round(seconds * PER_CLOSED_SECOND[plan.target]), sources.MOST_ORDERS)
        at_ns = np.zeros(count, np.int64)
        text = f"{plan.target}, closed loop for {seconds:g} s"
    elif options.ramp:
        at_ns = schedule.ramp(options.ramp[0], options.ramp[1], seconds, random)
        text = f"{plan.target}, from {options.ramp[0]:,g} to {options.ramp[1]:,g} a second in {seconds:g} s"
    else:
        rate = options.rate or RATE
        at_ns = schedule.poisson(rate, seconds, random)
        text = f"{plan.target}, {rate:,g} a second for {seconds:g} s"
    return sources.synthetic(at_ns, accounts, plan.markets, random), text


def _data(options: argparse.Namespace) -> Path:
    return options.data or Path(os.environ.get("EXCHANGE_DATA") or "data")


def _local(options: argparse.Namespace) -> RunningExchange:
    return require(_data(options))


def _runtime(options: argparse.Namespace) -> Path | None:
    """Where the exchange says what it timed, if it is known to be of this machine."""
    return _local(options).runtime if _is_local(options) else None


def _is_local(options: argparse.Namespace) -> bool:
    """Whether the exchange is known to be the one on a data folder of this machine, also by the address that it has:
    `exchange load` names it in EXCHANGE_API_URL."""
    address = options.url or os.environ.get("EXCHANGE_API_URL")
    if options.data is not None or not address:
        return True
    run = find(_data(options))
    return run is not None and run.supervisor != 0 and run.http == address.rstrip("/")


def _url(options: argparse.Namespace) -> str:
    if options.url:
        return str(options.url)
    if options.data is None and (known := os.environ.get("EXCHANGE_API_URL")):
        return known
    return _local(options).http


def _streams(options: argparse.Namespace) -> str | None:
    if options.ws or options.url:
        return str(options.ws) if options.ws else None
    if options.data is None and (known := os.environ.get("EXCHANGE_WS_URL")):
        return known
    return _local(options).ws


def _accounts(options: argparse.Namespace) -> list[Account]:
    file = options.keys
    if file is None:
        file = _data(options) / KEYS_FILE
        if options.url or not file.is_file():
            raise BenchError(
                "whose orders? name API keys with --keys, or make some: exchange load --make-keys keys.json"
            )
    accounts = keys.read(file)
    wanted = options.accounts or len(accounts)
    if wanted > len(accounts):
        raise BenchError(f"--accounts {wanted}: {file} has {len(accounts)} keys; --make-keys makes more, in a new file")
    if options.processes > wanted:
        raise BenchError(
            f"--processes {options.processes}: the orders of {wanted} accounts are sent by as many at most"
        )
    return accounts[:wanted]


def _print(result: Result, stages: StageSampler) -> None:
    if result.is_accounted:
        for name, value in result.rows():
            print(f"{name:>18}  {value}")
        for warning in result.warnings():
            print(f"warning: {warning}")
        stages.report()
    _print_verdict(result)


def _print_verdict(result: Result) -> None:
    verdict = result.verdict
    assert verdict is not None
    for problem in verdict.problems[:20]:
        print(f"error: {problem}", file=sys.stderr)
    if result.is_accounted:
        print(f"every order is accounted for, and all money: {verdict.fills:,} fills explain every balance")
        if result.cut_short and not result.is_interrupted:
            print(f"error: it did not run to its end: {result.cut_short}", file=sys.stderr)
    else:
        counts = f"{result.scheduled:,} scheduled, {result.unsent:,} of them never sent, {result.accepted:,} accepted, "
        counts += f"{result.refused:,} refused, {result.unknown:,} unknown"
        print(f"error: this is no result: it does not add up ({counts})", file=sys.stderr)


def _status(result: Result) -> int:
    if result.is_interrupted:
        return INTERRUPTED
    return 0 if all(check.passed for check in result.checks()) else 1


if __name__ == "__main__":
    sys.exit(main())
