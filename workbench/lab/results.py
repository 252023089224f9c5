"""What a lab gives back: each shows itself, turns into a frame, and draws itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.figures.parts import session_scores, symbol_scores
from workbench.figures.prices import prices as price_figure
from workbench.figures.score import dimensions, loss_map, waterfall
from workbench.lab.contexts import FindingInContext, with_context
from workbench.lab.displays import findings_html, frame_html, score_html
from workbench.lab.documents import finding_document, plain, quality_record, score_document
from workbench.lab.drawing import named, require_figure
from workbench.model.html import table, titled
from workbench.model.score import score_text
from workbench.quality.attribution import BYS, By, attribution

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import plotly.graph_objects as go

    from workbench.lab.arrivals import Arrival
    from workbench.lab.judgement import Judgement
    from workbench.lab.processing import Transformed
    from workbench.model.contract import Contract
    from workbench.model.findings import Finding
    from workbench.model.score import Score


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a dataset, sorted by symbol, then time."""

    frame: pl.DataFrame
    contract: Contract
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as Polars."""
        return self.frame

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as pandas."""
        return self.frame.to_pandas()

    def with_findings(self, findings: tuple[Finding, ...]) -> Rows:
        """Return the same rows with findings to mark."""
        return replace(self, findings=findings)

    def figure(self, symbol: str | None = None) -> go.Figure:
        """Draw one symbol's prices, findings marked; the first symbol where none is named."""
        chosen = symbol or str(self.frame["symbol"][0])
        return price_figure(
            self.frame, kind=self.contract.kind, symbol=chosen, findings=self.findings, frequency=self.contract.frequency
        )

    def _repr_html_(self) -> str:
        return frame_html(self.contract.title or self.contract.dataset, self.frame)

    def __repr__(self) -> str:
        return repr(self.frame)


@dataclass(frozen=True, slots=True)
class Scored:
    """A dataset's score with its explanation."""

    judgement: Judgement
    title: str

    @property
    def score(self) -> Score:
        """The score itself."""
        return self.judgement.score

    def __float__(self) -> float:
        return float(self.score)

    def lost(self, by: By = "symbol") -> pl.DataFrame:
        """Return ``check | symbol | session, points``: every lost point's address, dearest first; null where it has none."""
        shares = attribution(self.score, by)
        return pl.DataFrame({by: list(shares), "points": [float(points) for points in shares.values()]}, strict=False)

    def explain(self) -> pl.DataFrame:
        """Return every check with its failures, tolerance and the points it costs, dearest first."""
        rows = [
            {
                "dimension": check.result.dimension.value,
                "check": check.result.name,
                "verdict": check.result.verdict.value,
                "failures": float(check.result.failures),
                "total": float(check.result.total),
                "unit": check.result.unit,
                "tolerance": float(check.result.tolerance),
                "points_lost": float(check.points_lost),
                "reason": check.result.reason,
            }
            for check in self.score.checks
        ]
        return pl.DataFrame(rows).sort("points_lost", descending=True, maintain_order=True)

    def to_polars(self) -> pl.DataFrame:
        """Return :meth:`explain`."""
        return self.explain()

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`explain` as pandas."""
        return self.explain().to_pandas()

    def to_json(self) -> dict[str, Any]:
        """Return score, dimensions and checks as JSON values."""
        return score_document(self.score)

    @property
    def findings(self) -> Findings:
        """What is wrong, worst first."""
        return Findings(self.judgement.findings, self.judgement)

    def quality_record(self, session: date | str) -> dict[str, Any]:
        """Return what a run keeps: the score, this session's own score, every finding."""
        day = session if isinstance(session, date) else date.fromisoformat(session)
        return quality_record(self.judgement, day)

    def figure(self, which: str = "waterfall") -> go.Figure:
        """Draw the way down from 100 (``waterfall``), ``dimensions``, ``losses``, or each of ``symbols`` or ``sessions``."""
        if which in ("symbols", "sessions"):
            limits = self.judgement.evidence.contract.score.thresholds()
            draw, part = (symbol_scores, self.score.by_symbol) if which == "symbols" else (session_scores, self.score.by_session)
            return named(draw(part, limits), which)
        ways = {"waterfall": waterfall, "dimensions": dimensions, "losses": loss_map}
        require_figure(which, (*ways, "symbols", "sessions"))
        return named(ways[which](self.score), which)

    def _repr_html_(self) -> str:
        return score_html(self.score, self.title)

    def __repr__(self) -> str:
        return f"{self.title}: {score_text(self.score.value)} of 100, coverage {float(self.score.coverage):.0%}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, worst first."""

    items: tuple[Finding, ...]
    judgement: Judgement | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> FindingInContext:
        return with_context(self.items[index], self.judgement)

    def figure(self, index: int = 0) -> go.Figure:
        """Draw one finding in its context, the worst by default."""
        return self[index].figure()

    def to_polars(self) -> pl.DataFrame:
        """Return one row a finding; times as text, values as JSON text."""
        documents = [finding_document(finding) for finding in self.items]
        flat = ("id", "kind", "symbol", "start", "end", "rows", "severity", "confidence")
        return pl.DataFrame([{name: d[name] for name in flat} for d in documents], schema=dict.fromkeys(flat[:5], pl.String) | {
            "rows": pl.Int64, "severity": pl.String, "confidence": pl.Float64})  # fmt: skip

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    def to_json(self) -> list[dict[str, Any]]:
        """Return all findings as JSON values."""
        return [finding_document(finding) for finding in self.items]

    def _repr_html_(self) -> str:
        return findings_html(self.items)

    def __repr__(self) -> str:
        return f"{len(self.items)} findings" + "".join(f"\n  {finding!r}" for finding in self.items[:10])


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Files that were brought to the raw zone."""

    items: tuple[Arrival, ...]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def new(self) -> tuple[Arrival, ...]:
        """Those whose bytes were not there before."""
        return tuple(arrival for arrival in self.items if arrival.is_new)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the receipts as JSON values."""
        return [{**asdict(a.receipt), "is_new": a.is_new} for a in self.items]

    def to_polars(self) -> pl.DataFrame:
        """Return one row a receipt."""
        names = ("id", "source", "name", "path", "received_at", "size_bytes", "rows", "symbols", "first", "last")
        return pl.DataFrame([{name: getattr(a.receipt, name) for name in names} | {"is_new": a.is_new} for a in self.items])

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    def _repr_html_(self) -> str:
        rows = [(a.receipt.name, a.receipt.source, a.receipt.rows, a.receipt.first, a.receipt.last, a.is_new) for a in self.items]
        return titled("Arrivals", table(("file", "source", "rows", "first", "last", "is_new"), rows))

    def __repr__(self) -> str:
        return f"{len(self.items)} file(s), {len(self.new)} new"


@dataclass(frozen=True, slots=True)
class Transformation:
    """What a transformation wrote."""

    done: Transformed

    def to_json(self) -> dict[str, Any]:
        """Return rows, reasons and versions as JSON values."""
        return asdict(self.done)

    def _repr_html_(self) -> str:
        facts: list[tuple[str, Any]] = [
            ("session", self.done.session or "all"),
            ("rows", self.done.rows),
            ("symbols", self.done.symbols),
        ]
        facts += [(f"quarantined: {reason}", count) for reason, count in self.done.quarantined.items()]
        facts += [(name, f"version {version}") for name, version in self.done.versions.items()]
        return titled("Transformed", table(("what", "value"), facts))

    def __repr__(self) -> str:
        return f"{self.done.rows} rows of {self.done.symbols} symbols, quarantined {self.done.quarantined or 'none'}"


@dataclass(frozen=True, slots=True)
class RunReport:
    """Where a run's report lies, and what it says has changed."""

    path: Path
    changes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the file's name and the changes."""
        return {"page": self.path.name, "changes": list(self.changes)}

    def _repr_html_(self) -> str:
        return titled("What is different from the run before", table((self.path.name,), [(line,) for line in self.changes]))

    def __repr__(self) -> str:
        return "\n".join((self.path.name, *self.changes))


def losses(score: Score, most: int = 200) -> dict[str, list[dict[str, Any]]]:
    """Return the points that checks, symbols and sessions cost, dearest first, as JSON values."""
    total = sum((check.points_lost for check in score.checks), start=score.value * 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for by in BYS:
        shares = list(attribution(score, by).items())[:most]
        found[by] = [{"name": plain(key), "points": float(p), "share": float(p / total)} for key, p in shares]
    return found
