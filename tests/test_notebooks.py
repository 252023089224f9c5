"""Notebooks are thin, typed where they take parameters, and alike to read."""

from __future__ import annotations

import ast
import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
STAGES = ("ingest", "transform", "profile", "quality", "report")
LONGEST_CELL = 10

# An absolute path, in code; and one that betrays the machine, in an output.
ABSOLUTE = re.compile(r"""(?<![\w.:/<&])(?:/[\w.-]+){2,}|\b[A-Za-z]:\\\w|(?<!\w)~/""")
MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root|tmp|mnt|private|workspaces?)/\w|" + re.escape(f"{ROOT}/"))
ROW_METHODS = {"iterrows", "itertuples", "iter_rows", "apply", "map_elements", "map_rows"}

Notebook = Any  # nbformat's NotebookNode is untyped


def _notebooks(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / "notebooks" / folder).glob("*.ipynb"))


def _code(notebook: Notebook) -> Iterator[tuple[int, Any]]:
    return ((i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def _is_parameters(cell: Any) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def _parsed(cell: Any) -> ast.Module:
    """Return the cell's syntax without IPython's own lines."""
    return ast.parse("\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines()))


def has_a_sound_format(notebook: Notebook) -> Iterator[str]:
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        yield f"expected nbformat 4.5 or later, where cells have ids; found {notebook.nbformat}.{notebook.nbformat_minor}"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) < len(ids):
        yield "expected every cell to have an id of its own"
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"expected the kernelspec 'python3'; found {kernel!r}"


def begins_with_a_title(notebook: Notebook) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not re.match(r"# \S.*\n+\S", first.source):
        yield "cell 0: expected markdown with '# Title' and, below it, what the notebook is for"


def says_what_to_look_for(notebook: Notebook) -> Iterator[str]:
    for i, _ in _code(notebook):
        above = notebook.cells[i - 1] if i else None
        if above is None or above.cell_type != "markdown" or not re.search(r"\w{2}.*\w{2}", above.source):
            yield f"cell {i}: expected a markdown sentence above it that says what to look for"


def has_short_cells(notebook: Notebook) -> Iterator[str]:
    for i, cell in _code(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > LONGEST_CELL:
            yield f"cell {i}: expected at most {LONGEST_CELL} lines; found {len(lines)}; move the work into the package"


def imports_in_the_first_code_cell(notebook: Notebook) -> Iterator[str]:
    for i, cell in list(_code(notebook))[1:]:
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(_parsed(cell))):
            yield f"cell {i}: expected imports in the first code cell only"


def holds_no_logic(notebook: Notebook) -> Iterator[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor, ast.While)
    for i, cell in _code(notebook):
        for node in ast.walk(_parsed(cell)):
            if isinstance(node, kinds):
                yield f"cell {i}: {type(node).__name__} on line {node.lineno}; move it into the package"
            elif isinstance(node, ast.Attribute) and node.attr in ROW_METHODS:
                yield f"cell {i}: .{node.attr} on line {node.lineno} goes row by row"


def declares_parameters_once(notebook: Notebook) -> Iterator[str]:
    tagged = [i for i, cell in _code(notebook) if _is_parameters(cell)]
    if len(tagged) > 1:
        yield f"cells {tagged}: expected one cell tagged 'parameters'"


def has_typed_literal_parameters(notebook: Notebook) -> Iterator[str]:
    for i, cell in _code(notebook):
        for node in _parsed(cell).body if _is_parameters(cell) else ():
            named = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
            if not (named and _is_literal(node.value)):
                yield f"cell {i}: expected 'name: type = literal'; found {ast.unparse(node)!r}"


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def names_no_absolute_path(notebook: Notebook) -> Iterator[str]:
    for i, cell in enumerate(notebook.cells):
        prose = re.sub(r"\w+://\S+", "", cell.source)
        if found := ABSOLUTE.search(prose):
            yield f"cell {i}: the absolute path {found[0]!r}"
        for output in cell.get("outputs", []):
            if found := MACHINE.search(str(output)):
                yield f"cell {i}: an output names a path of one machine: {found[0]!r}"


def takes_paths_and_thresholds_as_parameters(notebook: Notebook) -> Iterator[str]:
    for i, cell in _code(notebook):
        for node in ast.walk(_parsed(cell)) if not _is_parameters(cell) else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\w/\w|\.\w{2,8}$", node.value):
                yield f"cell {i}: the path {node.value!r}; make it a parameter"
            if isinstance(node, ast.Compare) and any(_is_number(side) for side in (node.left, *node.comparators)):
                yield f"cell {i}: the threshold in {ast.unparse(node)!r}; make it a parameter"


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value != 0


def declares_parameters(notebook: Notebook) -> Iterator[str]:
    if not any(_is_parameters(cell) for _, cell in _code(notebook)):
        yield "expected one cell tagged 'parameters'; without it papermill's values are overwritten by the defaults"


def has_no_outputs(notebook: Notebook) -> Iterator[str]:
    for i, cell in _code(notebook):
        if cell.outputs or cell.execution_count is not None:
            yield f"cell {i}: a stored output; stages are templates, their runs keep the outputs"


def has_outputs(notebook: Notebook) -> Iterator[str]:
    if not any(cell.outputs for _, cell in _code(notebook)):
        yield "expected stored outputs: without them a comparison compares nothing"


EVERYWHERE = [
    has_a_sound_format,
    begins_with_a_title,
    says_what_to_look_for,
    has_short_cells,
    imports_in_the_first_code_cell,
    holds_no_logic,
    declares_parameters_once,
    has_typed_literal_parameters,
    names_no_absolute_path,
]
IN_STAGES = [declares_parameters, takes_paths_and_thresholds_as_parameters, has_no_outputs]
IN_EXPLORE = [has_outputs]


def test_five_stages_exist() -> None:
    missing = [name for name in STAGES if not (ROOT / "notebooks" / "stages" / f"{name}.ipynb").is_file()]
    assert not missing, f"notebooks/stages: no {', '.join(f'{name}.ipynb' for name in missing)}"


@pytest.mark.parametrize("path", _notebooks("stages", "explore"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_notebook_keeps_every_rule(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    rules = EVERYWHERE + (IN_STAGES if path.parent.name == "stages" else IN_EXPLORE)
    found = [f"{path.relative_to(ROOT).as_posix()}: {complaint}" for rule in rules for complaint in rule(notebook)]
    assert not found, "\n" + "\n".join(found)


def _good() -> Notebook:
    """Return a notebook that keeps every rule of a stage."""
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell("# Quality\n\nScores one session."),
        v4.new_code_cell("import workbench as wb"),
        v4.new_markdown_cell("Parameters, as papermill passes them."),
        v4.new_code_cell('dataset: str = "us_equities"\nlimit: float | None = None', metadata={"tags": ["parameters"]}),
        v4.new_markdown_cell("Look at the lowest dimension first."),
        v4.new_code_cell('lab = wb.open(".")\nlab[dataset].score()'),
    ]
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def _with(edit: Callable[[Notebook], object]) -> Notebook:
    notebook = copy.deepcopy(_good())
    edit(notebook)
    return notebook


def _last(source: str) -> Notebook:
    return _with(lambda notebook: notebook.cells[-1].update(source=source))


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (has_a_sound_format, _with(lambda n: n.update(nbformat_minor=4))),
        (has_a_sound_format, _with(lambda n: n.cells[1].update(id=n.cells[0].id))),
        (has_a_sound_format, _with(lambda n: n.metadata.kernelspec.update(name="workbench-dev"))),
        (begins_with_a_title, _with(lambda n: n.cells.pop(0))),
        (begins_with_a_title, _with(lambda n: n.cells[0].update(source="# Title alone"))),
        (says_what_to_look_for, _with(lambda n: n.cells.pop(4))),
        (has_short_cells, _last("x = 1\n" * 11)),
        (imports_in_the_first_code_cell, _last("import os")),
        (holds_no_logic, _last("def f(): pass")),
        (holds_no_logic, _last("class A: pass")),
        (holds_no_logic, _last("for row in rows: pass")),
        (holds_no_logic, _last("rows.iterrows()")),
        (declares_parameters_once, _with(lambda n: n.cells[-1].metadata.update(tags=["parameters"]))),
        (has_typed_literal_parameters, _with(lambda n: n.cells[3].update(source="limit = 1"))),
        (has_typed_literal_parameters, _with(lambda n: n.cells[3].update(source="limit: float = 1 / 3"))),
        (has_typed_literal_parameters, _with(lambda n: n.cells[3].update(source="limit: float"))),
        (names_no_absolute_path, _last('wb.open("/srv/lab")')),
        (names_no_absolute_path, _last('wb.open("~/lab")')),
        (names_no_absolute_path, _last(r'wb.open(r"C:\lab")')),
        (
            names_no_absolute_path,
            _with(lambda n: n.cells[-1].outputs.append(nbformat.v4.new_output("stream", text="read /home/me/a.csv"))),
        ),
        (declares_parameters, _with(lambda n: n.cells[3].metadata.clear())),
        (takes_paths_and_thresholds_as_parameters, _last('wb.check("data/prices.csv")')),
        (takes_paths_and_thresholds_as_parameters, _last("score < 85")),
        (has_no_outputs, _with(lambda n: n.cells[-1].outputs.append(nbformat.v4.new_output("stream", text="1")))),
        (has_outputs, _good()),
    ],
)
def test_rule_sees_what_it_should(rule: Callable[[Notebook], Iterator[str]], bad: Notebook) -> None:
    assert list(rule(bad))
    if rule is not has_outputs:
        assert not list(rule(_good()))
