"""Every run is sealed; one byte changed in any stored file, anything taken away, put in or moved, is seen and named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.cli.conftest import Say, say
from workbench.audit.packing import pack_all
from workbench.audit.seals import links, read_link, run_of
from workbench.lab import sealing
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lab.verifying import verified
from workbench.lake import TableRef, Zone
from workbench.lake.decisions import append_entries
from workbench.lake.run_history import replace_runs
from workbench.model.decisions import Action, LedgerEntry
from workbench.pipeline.backfill import Notebooks, backfill
from workbench.pipeline.daily import resume, run_daily
from workbench.pipeline.stages import STAGES

__all__ = ["say"]
NAME = "mine"
NOW = datetime(2024, 1, 12, tzinfo=UTC)
DAYS = [date(2024, 1, day) for day in (8, 9, 10, 11)]
pytestmark = pytest.mark.slow

CONTRACT = """dataset = "mine"
calendar = "XNYS"
events = "events.csv"
features = ["returns"]
[[sources]]
name = "vendor"
path = "incoming/{session}.csv"
headers = {X-Api-Key = "s3cr3t-in-a-contract"}
"""


def bars(day: date, close: float) -> str:
    lines = "".join(f"{s},{day},{close},{close + 1},{close - 1},{close},1000\n" for s in ("AAA", "BBB"))
    return f"Symbol,Date,Open,High,Low,Close,Volume\n{lines}"


def laid_out(root: Path) -> Lab:
    lay_out(root)
    (root / "contracts" / "mine.toml").write_text(CONTRACT)
    (root / "events.csv").write_text("symbol,date,split\nAAA,2023-05-05,2\n")
    (root / "incoming").mkdir()
    for number, day in enumerate(DAYS):
        (root / "incoming" / f"{day}.csv").write_text(bars(day, 10.0 + number))
    return open_lab(root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, warm_processes: Path) -> Lab:
    """Return a lab with two runs in notebooks, two without, and a decision."""
    lab = laid_out(tmp_path_factory.mktemp("sealed") / "lab")
    run_daily(lab, lab[NAME], DAYS[0], now=NOW)
    entry = LedgerEntry(NOW, "ann", Action.KEEP, "seen", "finding-1")
    append_entries(lab.lake, NAME, [entry])
    run_daily(lab, lab[NAME], DAYS[1], now=NOW)
    backfill(lab, lab[NAME], DAYS[2], DAYS[3], notebooks=Notebooks.NONE)
    return lab


@pytest.fixture
def lab(made: Lab, tmp_path: Path) -> Lab:
    """Return a copy that may be tampered with."""
    shutil.copytree(made.root, tmp_path / "lab")
    return open_lab(tmp_path / "lab")


def told(lab: Lab, run: str | None = None) -> list[tuple[str, str]]:
    return [(p.what, p.path) for p in verified(lab, run).problems]


def chain(lab: Lab) -> list[Path]:
    return links(lab.lake.zone(Zone.METADATA), NAME)


def runs_named(lab: Lab) -> list[str]:
    """Return the runs of a chain by the names of its seals alone."""
    return [run_of(path) for path in chain(lab)]


def runs(lab: Lab) -> list[str]:
    return [read_link(path).seal.run for path in chain(lab)]


def test_every_run_is_sealed_in_one_chain(made: Lab) -> None:
    seals = [read_link(path) for path in chain(made)]
    assert [s.seal.session for s in seals] == [day.isoformat() for day in DAYS]
    assert [s.seal.previous for s in seals] == [None, *(s.sha256 for s in seals[:-1])]
    assert set(seals[0].seal.files) == {
        "run.json", "ingest.ipynb", "transform.ipynb", "profile.ipynb", "quality.ipynb", "report.ipynb", "report.html",
        "lineage.ndjson",
    }  # fmt: skip
    assert set(seals[3].seal.files) == {"run.json", "lineage.ndjson"}
    assert {name.split("/")[0] for name in seals[0].seal.objects} == {"raw", "processed", "derived"}
    assert any(name.startswith("metadata/decisions/mine/_delta_log/") for name in seals[1].seal.objects)
    notebooks = {f"notebook:{stage}" for stage in STAGES}
    assert set(seals[0].seal.made_from) == {"package", "contract", "beside:events.csv"} | notebooks
    assert [s.seal.arrivals for s in seals] == [1, 2, 4, 4]  # both sessions of a backfill are loaded when its runs are sealed
    assert not any(s.seal.late for s in seals)
    assert told(made) == []
    assert told(made, seals[1].seal.run) == []
    everything = {name for s in seals for name in s.seal.objects}
    assert not (set(seals[1].seal.objects) & set(seals[2].seal.objects))
    assert {p.relative_to(made.lake.root).as_posix() for p in (made.lake.root / "raw").rglob("*") if p.is_file()} < everything


@pytest.mark.browser
def test_reports_share_one_copy_of_plotly_and_draw(made: Lab, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    pages = sorted(made.lake.root.glob("metadata/runs/*/*/*/*/report.html"))
    scripts = list(made.lake.root.glob("metadata/runs/plotly-*.min.js"))
    assert (len(pages), len(scripts)) == (2, 1)
    assert max(page.stat().st_size for page in pages) < 1_000_000
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(pages[0].as_uri())
        for number in range(page.locator(".plot").count()):
            page.locator(".plot").nth(number).scroll_into_view_if_needed()
            page.locator(".plot").nth(number).locator(".main-svg").first.wait_for(timeout=10_000)
        assert said == []
        browser.close()


def test_a_script_of_reports_that_was_altered_is_named(lab: Lab) -> None:
    script = one(lab, "metadata/runs/plotly-*.min.js")
    changed(script)
    assert told(lab) == [("altered", script.relative_to(lab.lake.root).as_posix())]


def changed(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))


def one(lab: Lab, pattern: str) -> Path:
    return sorted(lab.lake.root.glob(pattern))[0]


KINDS = {
    "a notebook": "metadata/runs/*/*/*/*/quality.ipynb",
    "a report": "metadata/runs/*/*/*/*/report.html",
    "a manifest": "metadata/runs/*/*/*/*/run.json",
    "lineage": "metadata/runs/*/*/*/*/lineage.ndjson",
    "raw bytes": "raw/*/*/*/*/*/*.csv",
    "a receipt": "raw/*/*/*/*/*/*.receipt.json",
    "a data file": "processed/mine/*/*/*.parquet",
    "a feature": "derived/returns/mine/*/*/*.parquet",
    "a log entry": "processed/mine/_delta_log/*1.json",
    "a decision": "metadata/decisions/mine/*.parquet",
    "the ledger's log": "metadata/decisions/mine/_delta_log/*0.json",
    "a seal": "metadata/seals/mine/00000001-*.json",
    "the last seal": "metadata/seals/mine/00000003-*.json",
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_changed_byte_is_seen_and_named(lab: Lab, say: Say, kind: str) -> None:
    sealed = {name for link in chain(lab) for name in read_link(link).seal.objects}
    found = sorted(lab.lake.root.glob(KINDS[kind]))
    path = next((p for p in found if p.relative_to(lab.lake.root).as_posix() in sealed), found[0])
    changed(path)
    said = say("audit", "verify", "--all", "--lab", lab.root)
    assert said.status == 1
    named = path.relative_to(lab.lake.root).as_posix()
    assert any(named in line for line in said.out.splitlines()[:-1]), said.out
    assert "problem(s)" in said.out.splitlines()[-1]


def test_an_index_that_says_something_else_is_named_and_made_again(lab: Lab, say: Say) -> None:
    replace_runs(lab.lake, NAME, lab[NAME].history().frame.with_columns(score=pl.lit(42.0)))
    assert told(lab) == [("altered", "metadata/history/mine")]
    assert say("audit", "runs", "--rebuild", "--lab", lab.root).status == 0
    assert told(lab) == []


def test_what_is_kept_for_a_replay_is_looked_at(lab: Lab) -> None:
    kept = list((lab.lake.root / "metadata" / "seals" / ".kept").iterdir())
    for path in kept:
        changed(path)
    assert {path for _, path in told(lab)} == {p.relative_to(lab.lake.root).as_posix() for p in kept}
    seal = read_link(chain(lab)[0]).seal
    assert seal.made_from["package"] in {p.name for p in kept}


def test_reports_taken_away_put_in_or_moved_are_named(lab: Lab) -> None:
    first, second, third, _ = runs(lab)
    folders = {run: one(lab, f"metadata/runs/*/*/*/{run}") for run in (first, second, third)}
    (folders[first] / "report.html").unlink()
    (folders[second] / "extra.ipynb").write_text("{}")
    shutil.move(folders[third], folders[third].parent / "elsewhere")
    said = told(lab)
    assert ("missing", f"{folders[first].relative_to(lab.lake.root)}/report.html") in said
    assert ("inserted", f"{folders[second].relative_to(lab.lake.root)}/extra.ipynb") in said
    assert ("missing", f"{folders[third].relative_to(lab.lake.root)}/run.json") in said


def test_a_run_of_another_lab_is_put_in(lab: Lab, tmp_path: Path) -> None:
    folder = one(lab, f"metadata/runs/*/*/*/{runs(lab)[1]}")
    other = folder.parent / "20240101T000000Z-abcdef"
    shutil.copytree(folder, other)
    (other / "run.json").write_text((other / "run.json").read_text().replace(folder.name, other.name))
    assert ("inserted", other.relative_to(lab.lake.root).as_posix()) in told(lab)


def test_a_forged_copy_of_a_run_in_another_sessions_folder_is_named_and_not_listed(lab: Lab) -> None:
    run = runs(lab)[0]
    (real,) = (path.parent for path in lab.lake.root.glob(f"metadata/runs/*/*/*/{run}/run.json"))
    forged = lab.lake.zone(Zone.METADATA) / "runs" / "2013" / "01" / "02" / run
    shutil.copytree(real, forged)
    told_of = json.loads((forged / "run.json").read_text())
    assert ("cannot be read", (forged / "run.json").relative_to(lab.lake.root).as_posix()) in told(lab)
    assert lab.run(run).manifest.session.isoformat() == told_of["session"]
    assert sum(row["run"] == run for row in lab.runs(fresh=True).to_json()) == 1


def test_what_lies_packed_beside_a_plain_file_is_put_in(lab: Lab) -> None:
    notebook = one(lab, "metadata/runs/*/*/*/*/quality.ipynb")
    junk = notebook.with_name(notebook.name + ".gz")
    junk.write_bytes(b"no gzip at all")
    named = junk.relative_to(lab.lake.root).as_posix()
    assert told(lab) == [("inserted", named)]
    pack_all([notebook.parent])
    assert notebook.is_file()
    assert not notebook.with_name("ingest.ipynb").exists()
    assert told(lab) == [("inserted", named)]
    junk.unlink()
    packed = notebook.with_name("ingest.ipynb.gz")
    packed.chmod(0o644)
    content = packed.read_bytes()
    for damage in (content[:-20], content[:4] + b"\x01" + content[5:]):
        packed.write_bytes(damage)
        assert told(lab) == [("cannot be read", packed.relative_to(lab.lake.root).as_posix())]


def test_the_script_that_all_reports_need_is_missed(lab: Lab) -> None:
    one(lab, "metadata/runs/plotly-*.min.js").unlink()
    assert [what for what, _ in told(lab)] == ["missing"]


def test_heads_that_are_none_and_keys_that_are_none_are_refused(lab: Lab, say: Say, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    for heads in ({NAME: 5}, {NAME: {}}, {"../x": {"number": 0, "run": "r", "sha256": "0"}}):
        head.write_text(json.dumps({"schema": "workbench.head/1", "heads": heads}))
        answer = say("audit", "verify", "--all", "--head", head, "--lab", lab.root)
        assert (answer.status, "expected heads as" in answer.err) == (2, True)
    answer = say("audit", "verify", "--all", "--public-key", tmp_path / "none.pem", "--lab", lab.root)
    assert (answer.status, "expected a public ed25519 key" in answer.err) == (2, True)
    answer = say("audit", "runs", "nope", "--lab", lab.root)
    assert (answer.status, "there is no dataset 'nope'" in answer.err) == (2, True)


def test_seals_made_before_there_was_a_key_are_signed_by_hand(lab: Lab, keys: tuple[Path, Path], say: Say) -> None:
    private, public = keys
    settings = lab.root / "workbench.toml"
    plain = settings.read_text()
    settings.write_text(f'{plain}\n[audit]\nsign_with = "nowhere.pem"\n')
    assert say("audit", "seal", NAME, "--lab", lab.root).status == 2
    settings.write_text(f'{plain}\n[audit]\nsign_with = "{private}"\n')
    assert say("audit", "verify", "--all", "--public-key", public, "--lab", lab.root).status == 1
    assert say("audit", "seal", NAME, "--lab", lab.root).status == 0
    assert say("audit", "verify", "--all", "--public-key", public, "--lab", lab.root).status == 0


def swapped(lab: Lab) -> tuple[str, str]:
    """Swap the places of two seals, names and all but their own hash."""
    a, b = chain(lab)[1:3]
    names = (a.name, b.name)
    a.rename(a.with_name("x"))
    b.rename(b.with_name(names[0][:8] + names[1][8:]))
    a.with_name("x").rename(a.with_name(names[1][:8] + names[0][8:]))
    return names


def removed(lab: Lab) -> tuple[str, ...]:
    chain(lab)[1].unlink()
    return ("00000001",)


def doubled(lab: Lab) -> tuple[str, ...]:
    path = chain(lab)[1]
    copy = path.with_name(path.name.replace("00000001-", "00000002-"))
    shutil.copy(path, copy)
    return (copy.name,)


@pytest.mark.parametrize("way", [swapped, removed, doubled])
def test_a_chain_that_was_changed_says_where(lab: Lab, way: Callable[[Lab], tuple[str, ...]]) -> None:
    way(lab)
    places = " ".join(path for what, path in told(lab) if "seals/mine" in path)
    assert "0000000" in places
    assert told(lab)


def rewritten(lab: Lab) -> None:
    """Take the whole chain away over an altered report, as somebody could who knows how to write it anew."""
    folder = one(lab, f"metadata/runs/*/*/*/{runs(lab)[0]}")
    (folder / "report.html").write_text("all is well")
    for path in chain(lab):
        path.unlink()


def test_a_cut_tail_and_a_rewritten_whole_are_seen_against_a_head_kept_elsewhere(lab: Lab, say: Say, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    head.write_text(say("audit", "head", "--lab", lab.root, "--json").out)
    assert say("audit", "verify", "--all", "--head", head, "--lab", lab.root).status == 0
    last = chain(lab)[-1]
    content = last.read_bytes()
    last.unlink()
    said = say("audit", "verify", "--all", "--head", head, "--lab", lab.root)
    assert "cut: metadata/seals/mine: the chain of mine ends before seal 3" in said.out
    last.write_bytes(content)
    rewritten(lab)
    assert "is seal 0" in say("audit", "seal", "--lab", lab.root).out
    assert told(lab) == [], "without a head nobody can tell"
    said = say("audit", "verify", "--all", "--head", head, "--lab", lab.root)
    assert "is not the one that was exported: rewritten" in said.out
    assert all(read_link(path).seal.late for path in chain(lab))


def test_a_run_that_was_not_sealed_can_be(lab: Lab, say: Say) -> None:
    last = runs(lab)[-1]
    chain(lab)[-1].unlink()
    assert [what for what, path in told(lab) if last in path] == ["inserted"]
    assert last in say("audit", "seal", "mine", "--lab", lab.root).out
    assert told(lab) == []
    assert "every run is sealed" in say("audit", "seal", "--lab", lab.root).out
    assert say("audit", "verify", "nobody", "--lab", lab.root).status == 2
    assert say("audit", "verify", "--lab", lab.root).status == 2


def test_a_seal_of_a_newer_project_or_a_torn_one_is_named_and_the_rest_is_looked_at(lab: Lab) -> None:
    second, third = chain(lab)[1:3]
    for path in (second, third):
        path.chmod(0o644)
    second.write_text(second.read_text().replace("workbench.seal/1", "workbench.seal/7"))
    third.write_text(third.read_text()[:200])
    report = one(lab, f"metadata/runs/*/*/*/{runs_named(lab)[0]}/report.html")
    changed(report)
    said = told(lab)
    assert [what for what, path in said if "seals/mine" in path] == ["cannot be read", "cannot be read"]
    assert ("altered", report.relative_to(lab.lake.root).as_posix()) in said


@pytest.mark.parametrize(
    "change",
    [{"session": "whenever"}, {"run": "../../elsewhere"}, {"number": "2"}, {"objects": {"a": 1}}, {"tables": {"/etc": 1}},
     {"tables": {"processed/mine": "1"}}, {"files": None}, {"unheard_of": 1}],
)  # fmt: skip
def test_a_seal_that_says_nonsense_is_named(lab: Lab, change: dict[str, Any]) -> None:
    path = chain(lab)[2]
    path.chmod(0o644)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert ("cannot be read", path.relative_to(lab.lake.root).as_posix()) in told(lab)


def test_a_clock_that_was_set_back_is_noted_and_no_problem(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Past(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2020, 1, 1, tzinfo=tz)

    chain(lab)[-1].unlink()
    monkeypatch.setattr(sealing, "datetime", Past)
    sealing.seal_runs(lab, lab[NAME], sealing.unsealed(lab, NAME), late=True)
    found = verified(lab, None)
    assert found.problems == []
    assert "the clock was set back" in found.notes[0]


def test_a_backfill_seals_what_one_that_was_stopped_had_not(lab: Lab) -> None:
    chain(lab)[-1].unlink()
    assert backfill(lab, lab[NAME], DAYS[2], DAYS[3], notebooks=Notebooks.NONE).skipped == 2
    assert len(chain(lab)) == len(DAYS)
    assert told(lab) == []


def test_what_was_altered_is_not_sealed_anew(lab: Lab) -> None:
    changed(one(lab, f"metadata/runs/*/*/*/{runs(lab)[0]}/report.html"))
    assert not run_daily(lab, lab[NAME], DAYS[0], now=NOW).is_new
    assert len(chain(lab)) == len(DAYS)
    assert [what for what, _ in told(lab)] == ["altered"]


def test_a_table_and_an_arrival_put_in_are_named(lab: Lab) -> None:
    log = lab.lake.path(TableRef.processed(NAME)) / "_delta_log"
    checkpoint = log / "00000000000000000000.checkpoint.parquet"
    checkpoint.write_bytes(b"PAR1")
    receipt = one(lab, "raw/*/*/*/*/*/*2024-01-08.csv.receipt.json")
    planted = receipt.with_name(receipt.name.replace(receipt.name[:4], "beef"))
    planted.write_text(receipt.read_text().replace(receipt.name[:4], "beef"))
    said = told(lab)
    assert ("inserted", checkpoint.relative_to(lab.lake.root).as_posix()) in said
    assert ("inserted", planted.relative_to(lab.lake.root).as_posix()) in said


def test_keys_in_a_contract_are_not_sealed(made: Lab) -> None:
    for path in made.lake.root.rglob("*"):
        if path.is_file():
            assert b"s3cr3t-in-a-contract" not in path.read_bytes(), path


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "seal.pem", tmp_path / "seal.pub.pem"
    private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_signatures_say_who_sealed(tmp_path: Path, keys: tuple[Path, Path], say: Say) -> None:
    private, public = keys
    lab = laid_out(tmp_path / "lab")
    settings = lab.root / "workbench.toml"
    settings.write_text(settings.read_text() + f'[audit]\nsign_with = "{os.path.relpath(private, lab.root)}"\n')
    lab = open_lab(lab.root)
    backfill(lab, lab[NAME], DAYS[0], DAYS[1], notebooks=Notebooks.NONE)
    assert say("audit", "verify", "--all", "--public-key", public, "--lab", lab.root).status == 0
    head = tmp_path / "head.json"
    head.write_text(say("audit", "head", "--sign", private, "--lab", lab.root, "--json").out)
    assert say("audit", "verify", "--all", "--head", head, "--public-key", public, "--lab", lab.root).status == 0
    document = json.loads(head.read_text())
    head.write_text(json.dumps({**document, "at": "2020-01-01"}))
    assert (
        "heads carry no signature"
        in say("audit", "verify", "--all", "--head", head, "--public-key", public, "--lab", lab.root).out
    )
    seal = chain(lab)[0]
    seal.with_name(seal.name + ".sig").write_text("AAAA\n")
    said = say("audit", "verify", "--all", "--public-key", public, "--lab", lab.root)
    assert f"not signed: metadata/seals/mine/{seal.name}" in said.out
    assert say("audit", "verify", "--all", "--public-key", settings, "--lab", lab.root).status == 2


def test_a_run_that_is_taken_up_again_is_sealed_again(tmp_path: Path) -> None:
    lab = laid_out(tmp_path / "lab")
    good = (lab.stages / "quality.ipynb").read_text()
    (lab.stages / "quality.ipynb").write_text(good.replace("import workbench as wb", "import nothing_of_that_name"))
    failed = run_daily(lab, lab[NAME], DAYS[0], now=NOW)
    assert [read_link(p).seal.outcome for p in chain(lab)] == ["failed"]
    (lab.stages / "quality.ipynb").write_text(good)
    resume(lab, failed.manifest.id, dataset=NAME)
    assert [read_link(p).seal.outcome for p in chain(lab)] == ["failed", "done"]
    assert told(lab) == []
    assert lab.runs().to_polars().select("run", "outcome").rows() == [(failed.manifest.id, "done")]
