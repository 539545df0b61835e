"""Writes a flow or a capture in the LOBSTER format, and reads such files as a flow.

    exchange bench lobster export [CAPTURE] -o FOLDER [--levels 10]
    exchange bench lobster import FILE_message_10.csv -o FLOW.npy

LOBSTER is the form in which academic data of limit order books are published: a file of messages and one of the book
after each of them. What is imported can be measured (`exchange bench realism`), fitted to (`exchange bench calibrate`)
and sent (`exchange load --flow`). See files.py for the format, writing.py and reading.py for what becomes of what.
"""

import argparse
import re
import sys
from pathlib import Path

from bench.flow.files import write as write_flow
from bench.lobster import files, reading
from bench.lobster.writing import pair_of
from bench.realism import sources
from bench.realism.tape import Tape, of_messages, play
from engine_core.arguments import file, folder, new_file, whole

MOST_LEVELS = files.MOST_LEVELS


def _ticker(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,20}", text):
        raise argparse.ArgumentTypeError("must be 1 to 20 letters, digits, dots or dashes, for a file name")
    return text


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench lobster", description="Write a flow in the LOBSTER format, or read one from it."
    )
    ways = parser.add_subparsers(dest="way", required=True, metavar="{export,import}")
    out = ways.add_parser("export", help="write a message file and an order-book file")
    out.add_argument("capture", nargs="?", type=Path, metavar="CAPTURE", help=sources.ABOUT)
    out.add_argument("-o", "--output", type=folder, required=True, metavar="FOLDER", help="made if it is missing")
    out.add_argument("--levels", type=whole(1, MOST_LEVELS), default=10, metavar="N", help="default: %(default)s")
    out.add_argument("--ticker", type=_ticker, default="FLOW", metavar="NAME", help="default: %(default)s")
    out.add_argument(
        "--market", type=whole(1, 65_535), default=1, metavar="N", help="of a flow file (default: %(default)s)"
    )
    back = ways.add_parser("import", help="read a message file, and the order-book file beside it, as a flow")
    back.add_argument("messages", type=file, metavar="FILE", help="..._message_N.csv")
    back.add_argument("-o", "--output", type=new_file, required=True, metavar="FILE", help="flow file (.npy) to write")
    return parser.parse_args(arguments)


def _export(options: argparse.Namespace) -> None:
    tape = sources.read(options.capture, options.market)
    pair = pair_of(play(tape), options.ticker, options.levels)
    options.output.mkdir(parents=True, exist_ok=True)
    for path in files.write(options.output, pair):
        print(f"wrote {path}")
    opening = f"{tape.opening:,} of them are the book at the start"
    print(f"{len(pair.messages):,} messages of {len(tape.commands):,} commands ({opening}); a size of 1 is one lot")


def _import(options: argparse.Namespace) -> None:
    pair = files.read(options.messages)
    made = reading.imported(pair)
    write_flow(options.output, [made.messages])
    print(f"{len(pair.messages):,} lines became {len(made.messages):,} messages; a tick is {made.tick_e4 / 10_000:g}")
    for note, count in made.notes.items():
        print(f"  {count:>9,}  {note}")
    if pair.book is None:
        print("no order-book file beside it: the book at the start holds only orders that the messages name")
    else:
        tape = of_messages(made.messages)
        same = reading.agreement(pair, made, play(Tape(tape.commands, tape.time_ns, made.tick_e4)))
        print(
            f"our engine's book is the file's after {same.best:,} of {same.compared:,} messages at the best prices, "
            f"after {same.all_levels:,} on all {pair.name.levels} levels"
        )
    print(f"wrote {options.output}")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        (_export if options.way == "export" else _import)(options)
    except sources.PROBLEMS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
