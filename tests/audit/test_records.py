"""What a notebook and a manifest say of a run: written, read back, without secrets."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import nbformat
import pytest

from workbench.audit.manifest import read_manifest, without_secrets, write_manifest
from workbench.audit.notebooks import MIME, declared_parameters, records
from workbench.audit.store import latest, run_folder, shelf
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome, RunManifest, StageRecord

AT = datetime(2024, 1, 3, tzinfo=UTC)


def manifest(run: str, day: int = 2, outcome: Outcome = Outcome.DONE) -> RunManifest:
    stage = StageRecord("quality", outcome, 1.5, "quality.ipynb", "ab", None, {"quality": {"score": 97.5}})
    return RunManifest(
        run, "d", date(2024, 1, day), outcome, AT.replace(hour=day), AT.replace(hour=day), AT,
        {"dataset": "d"}, {"arrivals": ["x"]}, {"in": {"t": None}, "out": {"t": 0}}, {"python": "3"}, (stage,), {"score": 97.5},
    )  # fmt: skip


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, manifest("r1"))
    assert read_manifest(path) == manifest("r1")
    assert next(iter(json.loads(path.read_text()))) == "schema"


def test_secrets_are_taken_out() -> None:
    given = {
        "api_key": "s3cret",
        "url": "https://me:s3cret@host/x?token=s3cret",
        "nested": {"password": "s3cret"},
        "symbol": "IBM",
    }
    assert "s3cret" not in json.dumps(without_secrets(given))
    assert without_secrets(given)["symbol"] == "IBM"


def test_runs_are_found_and_damage_hides_none(tmp_path: Path) -> None:
    for run, day, outcome in (("r1", 2, Outcome.DONE), ("r2", 4, Outcome.FAILED), ("r3", 3, Outcome.DONE)):
        folder = run_folder(tmp_path, run, date(2024, 1, day))
        folder.mkdir(parents=True)
        write_manifest(folder, manifest(run, day, outcome))
    broken = run_folder(tmp_path, "r9", date(2024, 1, 9))
    broken.mkdir(parents=True)
    (broken / "run.json").write_text("{")
    found = shelf(tmp_path, "d")
    assert [run.id for run in found.runs] == ["r1", "r3", "r2"]
    assert [damage.path.parent.name for damage in found.damaged] == ["r9"]
    newest = latest(tmp_path, "d", outcome=Outcome.DONE)
    assert newest is not None
    assert newest.id == "r3"
    with pytest.raises(BadInput):
        run_folder(tmp_path, "../../etc", date(2024, 1, 1))


def notebook(tmp_path: Path, *cells: nbformat.NotebookNode) -> Path:
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
    return path


def test_parameters_are_read_from_their_cell_and_must_be_there(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell('a: str = "x"\nb = 3', metadata={"tags": ["parameters"]})
    assert declared_parameters(notebook(tmp_path, cell)) == {"a": "x", "b": 3}
    with pytest.raises(BadInput, match="parameters"):
        declared_parameters(notebook(tmp_path, nbformat.v4.new_code_cell("a = 1")))
    (tmp_path / "bad.ipynb").write_text("no notebook")
    with pytest.raises(BadInput, match=r"bad\.ipynb"):
        declared_parameters(tmp_path / "bad.ipynb")


def test_records_are_read_from_outputs(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("x")
    cell.outputs = [nbformat.v4.new_output("display_data", {MIME: {"name": "n", "value": [1, 2]}, "text/plain": "n"})]
    assert records(notebook(tmp_path, cell)) == {"n": [1, 2]}
