"""The text of the kernels of the book stays readable: rows instead of brackets and casts, small functions, few
parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import engine_core

BOOK = Path(engine_core.__file__).parent / "book"
DECORATORS = {"entry", "hot", "inner", "kernel"}
MOST_CASTS = 20  # `wide(1) << n` must not become a Python number of any size
MOST_LINES, MOST_LINES_OF_A_FILE = 70, 400
MOST_PARAMETERS = 6
ENTRY_POINTS = {"execute_blocks", "_execute_blocks"}  # what Python calls with whole arrays


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(BOOK.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.relative_to(BOOK)}: {node.name}", node


def _kernels() -> Iterator[tuple[str, ast.FunctionDef]]:
    for name, function in _functions():
        if DECORATORS & {getattr(one, "id", "") for one in function.decorator_list}:
            yield name, function


def test_the_kernels_are_found() -> None:
    assert sum(1 for _ in _kernels()) > 100, "have they moved?"


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


def test_functions_are_small() -> None:
    assert not [name for name, function in _functions() if (function.end_lineno or 0) - function.lineno > MOST_LINES]


def test_functions_have_few_parameters() -> None:
    found = [
        name
        for name, function in _functions()
        if len(function.args.posonlyargs + function.args.args + function.args.kwonlyargs) > MOST_PARAMETERS
        and function.name not in ENTRY_POINTS
    ]
    assert not found, "what goes together belongs in a NamedTuple"


def test_files_are_small() -> None:
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in BOOK.rglob("*.py")}
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FILE}
