"""The house rules that a program can check; who may import whom is import-linter's part."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workbench"
LONGEST_MODULE = 400
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "base"}

# (module, function): where a broad except is meant, because it turns a failure into a recorded ERROR.
BROAD_EXCEPT_ALLOWED: set[tuple[str, str]] = {
    ("workbench/quality/catalogue.py", "_evaluate"),  # turns a failing check into an ERROR
    ("workbench/quality/examination.py", "to_the_end"),  # a detector that fails is an ERROR of the checks that ask it
    ("workbench/pipeline/stages.py", "executed"),  # turns a stage that fails into a record, as a notebook does
    ("workbench/pipeline/streaming.py", "follow"),  # tells somebody that a feed is no longer followed, and raises again
    ("workbench/cli/app.py", "main"),  # turns whatever is left into one line and status 3
}

Complaint = tuple[int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _is_command(function: Function) -> bool:
    """Whether typer runs it: it carries an ``@app.command()`` or ``@app.callback()``."""
    calls = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any(isinstance(c, ast.Attribute) and c.attr in ("command", "callback") for c in calls)


def _may_import_late(module: str, function: Function) -> bool:
    if module == "workbench/__init__.py":
        return function.name == "__getattr__"
    return module.startswith("workbench/cli/") and _is_command(function)


def _own_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for part in ast.walk(node):
        names: list[str] = []
        if isinstance(part, ast.Import):
            names = [alias.name for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            names = ["workbench" if part.level else part.module or ""]
        if any(name.split(".")[0] == "workbench" for name in names):
            assert isinstance(part, ast.Import | ast.ImportFrom)
            yield part


def rooms_are_imported_at_the_top(module: str, tree: ast.Module) -> Iterator[Complaint]:
    allowed = {id(i) for f in _functions(tree) if _may_import_late(module, f) for i in _own_imports(f)}
    late = {i.lineno for f in _functions(tree) for i in _own_imports(f) if id(i) not in allowed}
    for line in sorted(late):
        yield line, "a room imported inside a function; move it to the top, and the code to a room that may import it"


def rooms_do_not_import_the_front(module: str, tree: ast.Module) -> Iterator[Complaint]:
    if module.count("/") == 1:
        return
    for node in _own_imports(tree):
        if isinstance(node, ast.Import):
            front = any(alias.name == "workbench" for alias in node.names)
        else:
            front = node.module == "workbench" and any(
                alias.name != "__version__" and not (PACKAGE / alias.name).is_dir() for alias in node.names
            )
        if front:
            yield node.lineno, "a room imports the package's front; import the room that holds the thing"


def nothing_prints(_module: str, tree: ast.Module) -> Iterator[Complaint]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno, "print; return the value, or log it"


def nothing_asserts(_module: str, tree: ast.Module) -> Iterator[Complaint]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert vanishes under -O; raise an error that says what was expected and what came"


def _is_broad(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(k, ast.Name) and k.id in ("Exception", "BaseException") for k in kinds)


def nothing_is_swallowed(module: str, tree: ast.Module) -> Iterator[Complaint]:
    meant = {id(n) for f in _functions(tree) if (module, f.name) in BROAD_EXCEPT_ALLOWED for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and id(node) not in meant:
            yield node.lineno, "a bare or broad except; name what can go wrong here, or add the place to BROAD_EXCEPT_ALLOWED"


RULES: list[Callable[[str, ast.Module], Iterator[Complaint]]] = [
    rooms_are_imported_at_the_top,
    rooms_do_not_import_the_front,
    nothing_prints,
    nothing_asserts,
    nothing_is_swallowed,
]


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _complaints(rule: Callable[[str, ast.Module], Iterator[Complaint]], path: str, source: str) -> list[str]:
    return [f"{path}:{line}: {message}" for line, message in sorted(rule(path, ast.parse(source, path)))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_keeps_the_rule(rule: Callable[[str, ast.Module], Iterator[Complaint]]) -> None:
    found = [c for m in _modules() for c in _complaints(rule, m.relative_to(ROOT).as_posix(), m.read_text(encoding="utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_every_place_that_may_catch_everything_is_there() -> None:
    """An entry that allows nothing any more is taken out."""
    for module, function in BROAD_EXCEPT_ALLOWED:
        tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
        handlers = [n for f in _functions(tree) if f.name == function for n in ast.walk(f) if isinstance(n, ast.ExceptHandler)]
        assert any(_is_broad(h.type) for h in handlers), f"{module}: {function} has no broad except; drop it from the list"


def test_modules_have_names_that_mean_something() -> None:
    named = [*_modules(), *(p.parent for p in _modules())]
    nameless = sorted({path.relative_to(ROOT).as_posix() for path in named if path.stem in NAMELESS})
    assert not nameless, f"{', '.join(nameless)}: a name that says nothing; call it after what it holds"


def test_modules_are_short() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in _modules()}
    long = [f"{path}:{n}: {n} lines, expected at most {LONGEST_MODULE}" for path, n in lengths.items() if n > LONGEST_MODULE]
    assert not long, "\n" + "\n".join(long)


LATE = "def f():\n    from workbench.lake import tables\n"
COMMAND = "@app.command()\ndef f():\n    from workbench.lake import tables\n"
LAZY = "def __getattr__(name):\n    from workbench.lab import face\n"
BROAD = "try:\n    pass\nexcept (ValueError, Exception):\n    pass\n"
NARROW = "try:\n    pass\nexcept (ValueError, KeyError):\n    pass\n"


@pytest.mark.parametrize(
    ("rule", "module", "source", "lines"),
    [
        (rooms_are_imported_at_the_top, "workbench/lab/face.py", LATE, [2]),
        (rooms_are_imported_at_the_top, "workbench/lab/face.py", LATE.replace("workbench.lake", "..lake"), [2]),
        (rooms_are_imported_at_the_top, "workbench/lab/face.py", LATE.replace("workbench.lake", "plotly"), []),
        (rooms_are_imported_at_the_top, "workbench/lab/face.py", COMMAND, [3]),
        (rooms_are_imported_at_the_top, "workbench/cli/check.py", COMMAND, []),
        (rooms_are_imported_at_the_top, "workbench/cli/check.py", LATE, [2]),
        (rooms_are_imported_at_the_top, "workbench/__init__.py", LAZY, []),
        (rooms_are_imported_at_the_top, "workbench/__init__.py", LATE, [2]),
        (rooms_do_not_import_the_front, "workbench/lab/face.py", "import workbench as wb\n", [1]),
        (rooms_do_not_import_the_front, "workbench/lab/face.py", "from workbench import check\n", [1]),
        (rooms_do_not_import_the_front, "workbench/lab/face.py", "from workbench import __version__, lake\n", []),
        (nothing_prints, "workbench/lab/face.py", "x = 1\nprint(x)\n", [2]),
        (nothing_prints, "workbench/lab/face.py", "console.print(x)\n", []),
        (nothing_asserts, "workbench/lab/face.py", "assert x\n", [1]),
        (nothing_is_swallowed, "workbench/lab/face.py", BROAD, [3]),
        (nothing_is_swallowed, "workbench/lab/face.py", "try:\n    pass\nexcept:\n    pass\n", [3]),
        (nothing_is_swallowed, "workbench/lab/face.py", NARROW, []),
    ],
)
def test_rule_sees_what_it_should(
    rule: Callable[[str, ast.Module], Iterator[Complaint]], module: str, source: str, lines: list[int]
) -> None:
    assert [line for line, _ in rule(module, ast.parse(source))] == lines
