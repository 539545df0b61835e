"""The text of the kernels of the book stays readable: rows instead of brackets and casts, small functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

import engine_core

BOOK = Path(engine_core.__file__).parent / "book"
DECORATORS = {"entry", "hot", "inner", "kernel"}
MOST_CASTS = 20  # `wide(1) << n` must not become a Python number of any size
MOST_LINES = 70


def _kernels() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(BOOK.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            decorated = isinstance(node, ast.FunctionDef) and {getattr(one, "id", "") for one in node.decorator_list}
            if decorated and decorated & DECORATORS:
                assert isinstance(node, ast.FunctionDef)
                yield f"{path.name}: {node.name}", node


def test_no_field_is_named_by_a_string() -> None:
    found = [
        f"{name}, line {part.lineno}"
        for name, kernel in _kernels()
        for part in ast.walk(kernel)
        if isinstance(part, ast.Subscript) and isinstance(getattr(part.slice, "value", None), str)
    ]
    assert not found, "rows have fields: row.field"


def test_few_casts() -> None:
    found = [
        name
        for name, kernel in _kernels()
        for part in ast.walk(kernel)
        if isinstance(part, ast.Call) and getattr(part.func, "id", "") in ("wide", "index")
    ]
    assert len(found) <= MOST_CASTS, found


def test_kernels_are_small() -> None:
    assert not [name for name, kernel in _kernels() if (kernel.end_lineno or 0) - kernel.lineno > MOST_LINES]
    assert sum(1 for _ in _kernels()) > 100, "no kernels were found: have they moved?"
