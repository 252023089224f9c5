"""What is kept, and what is not: no secret, no place; nothing that is sealed goes; old notebooks are packed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Say, say
from tests.pipeline.test_seals import DAYS, NAME, NOW, laid_out, told
from workbench.audit.privacy import Cleaner
from workbench.lab.lab import Lab, open_lab
from workbench.lab.processing import tidy_up
from workbench.lake import TableRef
from workbench.lake.versions import open_table
from workbench.pipeline.backfill import Notebooks, backfill
from workbench.pipeline.daily import run_daily
from workbench.pipeline.replaying import replay

__all__ = ["say"]
pytestmark = pytest.mark.slow
PLANTED = {"VENDOR_API_KEY": "planted-in-a-variable-1", "MY_TOKEN": "planted-in-a-variable-2"}
LEAKS = """import os, sys
print("key", os.environ["VENDOR_API_KEY"], "at", os.getcwd(), os.path.expanduser("~"))
print("https://me:planted-in-a-url@host/x?token=planted-in-a-query&n=1", file=sys.stderr)
{"authorization": "Bearer planted-in-a-header-12345"}
"""
RAISES = "raise ValueError(f\"{os.environ['MY_TOKEN']} refused by https://u:planted-in-an-error@host/ in {os.getcwd()}\")\n"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)


def with_cell(lab: Lab, stage: str, source: str) -> None:
    import nbformat

    path = lab.stages / f"{stage}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbformat.write(notebook, path)


def holding(lab: Lab, *texts: str) -> list[str]:
    """Return the files of the metadata zone in which any of some texts stands; stage notebooks, kept as they are, apart."""
    found = []
    for path in (p for p in (lab.lake.root / "metadata").rglob("*") if p.is_file() and ".kept" not in p.parts):
        content = path.read_bytes()
        found += [f"{path.name}: {text}" for text in texts if text.encode() in content]
    return found


def test_no_secret_and_no_place_is_in_anything_a_run_leaves(tmp_path: Path, planted: None) -> None:
    lab = laid_out(tmp_path / "lab")
    with_cell(lab, "profile", LEAKS)
    good = run_daily(lab, lab[NAME], DAYS[0], now=NOW, cold=True)
    with_cell(lab, "quality", "import os\n" + RAISES)
    bad = run_daily(lab, lab[NAME], DAYS[1], now=NOW, cold=True)
    assert [good.manifest.outcome, bad.manifest.outcome] == ["done", "failed"]
    secrets = [
        *PLANTED.values(),
        "planted-in-a-url",
        "planted-in-a-query",
        "planted-in-a-header",
        "planted-in-an-error",
        "s3cr3t-in-a-c",
    ]
    assert holding(lab, *secrets) == []
    assert holding(lab, str(lab.root), str(tmp_path), f"{Path.home()}/") == []
    notebook = (good.folder / "profile.ipynb").read_text()
    assert "key ***" in notebook
    assert "***@host" in notebook
    assert told(lab) == []
    error = next(stage.error for stage in bad.manifest.stages if stage.error)
    assert "ValueError: *** refused by https://***@host/ in ." in error


def test_errors_of_stages_without_notebooks_are_clean_too(tmp_path: Path, planted: None) -> None:
    lab = laid_out(tmp_path / "lab")
    (lab.root / "incoming" / f"{DAYS[1]}.csv").write_text(f"no table {PLANTED['MY_TOKEN']}\n\x00")
    backfill(lab, lab[NAME], DAYS[0], DAYS[1], notebooks=Notebooks.NONE)
    assert lab.runs(verdict="failed").to_polars().height == 1
    assert holding(lab, str(lab.root), *PLANTED.values()) == []


def test_texts_keep_their_meaning(tmp_path: Path) -> None:
    cleaner = Cleaner(tmp_path)
    assert cleaner.text(f"{tmp_path}/data/raw/x.csv: bad") == "data/raw/x.csv: bad"
    assert cleaner.text(str(tmp_path)) == "."
    assert cleaner.text(f"File {os.__file__}") != f"File {os.__file__}"
    assert cleaner.value({"a": [1, None, f"{Path.home()}/x"]}) == {"a": [1, None, "~/x"]}


def test_nothing_that_is_sealed_is_removed_by_tidying_vacuum_or_expiry(tmp_path: Path) -> None:
    lab = laid_out(tmp_path / "lab")
    backfill(lab, lab[NAME], DAYS[0], DAYS[-1], notebooks=Notebooks.NONE)
    first = lab.runs().to_polars()["run"][0]
    tidy_up(lab.lake, lab[NAME].contract)
    for name in ("processed/mine", "derived/returns/mine"):
        table = open_table(lab.lake, TableRef.named(name))
        assert table.version() > len(DAYS) - 1, "tidied"
        assert table.vacuum(dry_run=False) == []
        table.cleanup_metadata()
    assert told(lab) == []
    assert replay(lab, first).is_same


def test_old_notebooks_are_packed_and_still_listed_opened_and_verified(tmp_path: Path, say: Say) -> None:
    lab = laid_out(tmp_path / "lab")
    ran = run_daily(lab, lab[NAME], DAYS[0], now=NOW)
    assert say("audit", "pack", "--lab", lab.root).status == 2
    settings = lab.root / "workbench.toml"
    settings.write_text(settings.read_text() + "[audit]\npack_after_days = 0\n")
    before = lab.run(ran.manifest.id)["quality"].records
    assert say("audit", "pack", "--lab", lab.root, "--json").json["runs"] == 1
    assert say("audit", "pack", "--lab", lab.root, "--json").json["runs"] == 0
    assert not list(ran.folder.glob("*.ipynb"))
    lab = open_lab(lab.root)
    run = lab.runs()[-1]
    assert run["quality"].records == before
    assert "waterfall" in run.figures
    assert told(lab) == []
    assert replay(lab, run.id).is_same
    packed = ran.folder / "quality.ipynb.gz"
    packed.chmod(0o644)
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes()).replace(b"Quality", b"quality"), mtime=0))
    assert [what for what, path in told(lab) if path.endswith("quality.ipynb")] == ["altered"]
    packed.write_bytes(packed.read_bytes()[:100])
    assert [what for what, path in told(lab) if path.endswith("quality.ipynb.gz")] == ["cannot be read"]
    assert run_daily(lab, lab[NAME], DAYS[0], now=NOW).is_new is False
    assert [what for what, path in told(lab) if path.endswith("quality.ipynb.gz")] == ["cannot be read"], "and is not sealed anew"
