"""The known answer of a flow: the digest that the README.md beside it gives, in the row that names its file.

Only what stands beside a file counts: a flow of another seed may have the name of a published one.
"""

import re
from pathlib import Path

from bench.conformance.flow import name_of

ANSWERS = "README.md"
_FILE = re.compile(r"([\w.-]+)\.bin\b")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def known_answer(path: Path) -> str | None:
    """None: there is no such file, or it does not name this flow."""
    try:
        lines = (path.parent / ANSWERS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    rows = ((_FILE.search(line), _DIGEST.search(line)) for line in lines)
    answers = {file[1]: digest[0] for file, digest in rows if file and digest}
    return answers.get(name_of(path))
