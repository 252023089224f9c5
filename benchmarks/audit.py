"""How fast the audit store is: index, filter, metrics, site and page load, with 2,000 and 50,000 generated runs.

python benchmarks/audit.py [--runs 2000 50000] [--keep DIR]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import workbench as wb
from workbench.audit.manifest import write_manifest
from workbench.audit.store import run_folder
from workbench.lab.history import rows_of
from workbench.lab.layout import lay_out
from workbench.lab.site import build_site
from workbench.lake.run_history import append_runs
from workbench.model.checks import Dimension
from workbench.model.runs import Outcome, RunManifest, StageRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.lab.lab import Lab

DATASETS = ("us_equities", "fx_minutes", "brent", "vendor_b", "ticks")
CHECKS = [f"check_{number:02}" for number in range(25)]
KINDS = ("bad_tick", "missing_session", "stale", "score_drift", "unadjusted_split")
SYMBOLS = [f"SYM{number:02}" for number in range(40)]
STAGES = ("ingest", "transform", "profile", "quality", "report")
MOST_MANIFESTS = 5_000  # each is forced to the disk


def score(random: Random, level: float, session: date) -> dict[str, Any]:
    """Return what a quality stage records: a level that wanders, findings where it is low."""
    dimensions = {}
    for number, dimension in enumerate(Dimension):
        value = min(1.0, max(0.0, level / 100 + random.gauss(0, 0.004) * number))
        checks = [
            {"name": f"{dimension}_{name}", "verdict": "PASS", "score": value, "failures": int(100 * (1 - value)), "total": 1000,
             "points_lost": 1 - value, "metrics": {"missing_rate": {"close": 1 - value, "open": 0.0}}}
            for name in CHECKS[number * 5 : number * 5 + 5]
        ]  # fmt: skip
        dimensions[dimension.value] = {"score": value, "checks": checks}
    count = int(max(0.0, 99.5 - level) * random.random())
    findings = [
        {"id": f"f{number}", "kind": random.choice(KINDS), "symbol": random.choice(SYMBOLS), "start": str(session),
         "end": str(session), "severity": random.choice(("low", "medium", "high")), "observed": {"close": 100 * random.random()}}
        for number in range(count)
    ]  # fmt: skip
    band = "ok" if level >= 98 else "medium" if level >= 85 else "high" if level >= 70 else "critical"
    symbols = {symbol: min(100.0, level + random.choice((0, 0, 5, -8))) for symbol in SYMBOLS}
    return {"score": level, "session_score": min(100.0, level + random.gauss(0, 2)), "coverage": 0.8, "band": band, "rows": 5000,
            "dimensions": dimensions, "findings": findings, "symbols": symbols, "alarms": []}  # fmt: skip


def manifests(dataset: str, count: int, seed: int) -> list[RunManifest]:
    """Return runs of consecutive weekdays; now and then one fails, a contract changes, quality is bad for a while."""
    random, made, level = Random(seed), [], 99.0
    day = date(2026, 3, 2) - timedelta(days=int(count * 7 / 5))
    trouble = 0
    for number in range(count):
        day += timedelta(days=1 if day.weekday() < 4 else 7 - day.weekday())
        trouble = trouble - 1 if trouble else random.choice([0] * 80 + [3, 8, 20])
        level = max(55.0, min(100.0, level + random.gauss(0, 1.2) - (6 if trouble else -2.5)))
        failed = random.random() < 0.01
        started = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=22)
        stages = tuple(StageRecord(stage, Outcome.DONE, 0.5 + random.random()) for stage in STAGES)
        if failed:
            stages = (StageRecord("ingest", Outcome.FAILED, 1.0, error="cell 4 (data.ingest()): Transient: vendor was away"),)
        made.append(RunManifest(
            id=f"{started:%Y%m%dT%H%M%SZ}-{seed}{number:05x}", dataset=dataset, session=day,
            outcome=Outcome.FAILED if failed else Outcome.DONE, started_at=started, finished_at=started + timedelta(seconds=4),
            now=started, parameters={}, inputs={"contract": f"c{number // 400}", "code": "k", "arrivals": []},
            versions={"in": {}, "out": {}}, environment={}, stages=stages, score=None if failed else score(random, level, day),
        ))  # fmt: skip
    return made


def generated(root: Path, runs: int) -> Lab:
    """Lay out a lab with so many runs: its index, and manifests as far as they are read."""
    lay_out(root)
    lab = wb.open(root)
    for seed, dataset in enumerate(DATASETS):
        made = manifests(dataset, runs // len(DATASETS), seed)
        for manifest in made if runs <= MOST_MANIFESTS else made[-1:]:
            write_manifest(run_folder(root / "data" / "metadata", manifest.id, manifest.session), manifest)
        append_runs(lab.lake, dataset, rows_of(made))
    return lab


def timed(what: str, work: Callable[[], Any], *, times: int = 3) -> Any:
    """Do something several times, and print the best."""
    best, result = float("inf"), None
    for _ in range(times):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    print(f"  {what:<44} {best:8.3f} s")
    return result


def loads(folder: Path) -> None:
    """Print how long pages take to load in a headless browser, where there is one."""
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for name in ("index.html", "d/us_equities/index.html", "d/us_equities/symbols.html"):
            path = folder / name
            page.goto(path.as_uri())
            took = page.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart")
            print(f"  {name:<44} {took / 1000:8.3f} s   {path.stat().st_size / 1000:,.0f} kB")
        browser.close()


def main() -> None:
    """Generate, and measure."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, nargs="+", default=[2_000, 50_000])
    options.add_argument("--keep", type=Path)
    given = options.parse_args()
    for runs in given.runs:
        root = (given.keep or Path(tempfile.mkdtemp(prefix="audit-"))) / str(runs)
        print(f"{runs:,} runs of {len(DATASETS)} datasets")
        lab = generated(root / "lab", runs)
        every = timed("all listed", lab.runs)
        timed("filtered by dataset, time and verdict", lambda: lab.runs("brent", start="2020-01-01", verdict=["ok", "medium"]))  # noqa: B023
        timed("a metric of one dataset", lambda: lab.runs("brent").metric("close.missing_rate"))  # noqa: B023
        timed("a metric of all", lambda: every.metric("close.missing_rate"))  # noqa: B023
        if runs <= MOST_MANIFESTS:
            timed("the index made again from manifests", lambda: lab.runs(fresh=True), times=1)  # noqa: B023
        site = root / "site"
        timed("site, the first time", lambda: build_site(lab, site), times=1)  # noqa: B023
        timed("site, nothing new", lambda: build_site(lab, site), times=2)  # noqa: B023
        for dataset in DATASETS:
            made = manifests(dataset, runs // len(DATASETS) + 1, seed=DATASETS.index(dataset))[-1:]
            append_runs(lab.lake, dataset, rows_of(made))
        timed("site, one more run of each dataset", lambda: build_site(lab, site), times=1)  # noqa: B023
        loads(site)
        if given.keep is None:
            shutil.rmtree(root)


if __name__ == "__main__":
    main()
