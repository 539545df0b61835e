"""A page of what a benchmark measured, to look at and to send: tables, plots, and the raw JSON inside.

    exchange bench report FILE.json [-o FILE.html]

FILE.json is what --json of any benchmark wrote, of `bench all`, or of `bench against`.
"""

import argparse
import sys
from collections.abc import Sequence

from bench.report.extras import need
from bench.report.reading import ReadError, read
from bench.report.saving import saving
from engine_core.arguments import file, new_file


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="exchange bench report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=file, metavar="FILE.json")
    parser.add_argument("-o", "--out", type=new_file, metavar="FILE.html", help="default: beside FILE.json")
    options = parser.parse_args(arguments)
    need(parser, "the report", "bokeh")
    from bench.report.page import page

    out = options.out or options.file.with_suffix(".html")
    if out.exists() and out.samefile(options.file):
        parser.error(f"{out} is read: name another file for the page (-o)")
    try:
        html = page(read(options.file))
        with saving(out):
            out.write_text(html, encoding="utf-8")
    except (ReadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{out}: {len(html.encode()) / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
