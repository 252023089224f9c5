"""Judgements as plain JSON values: what scripts read."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from workbench.lab.exact import exact_document, state_digest
from workbench.lab.judgement import against_its_past
from workbench.model.decisions import Action
from workbench.model.names import SESSION, SYMBOL
from workbench.monitor.alerts import alarms, band
from workbench.quality.measure import PLACEHOLDER
from workbench.review.policies import decide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.calendars import Calendar
    from workbench.lab.judgement import Judgement
    from workbench.model.contract import Contract
    from workbench.model.findings import Explained, Finding, Incident
    from workbench.model.score import DimensionScore, Score, ScoredCheck
    from workbench.quality.state import State

EXACT, STATE = "exact", "state"


def iso(moment: object) -> str | None:
    """Write a session as a date and a moment in UTC with a Z; None stays None."""
    if isinstance(moment, datetime):
        return moment.isoformat().replace("+00:00", "Z")
    return moment.isoformat() if isinstance(moment, date) else None


def plain(value: object) -> object:
    """Return a value JSON can hold: no NaN, no infinity, no dates."""
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, date):
        return iso(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def dataset_document(
    paths: tuple[str, ...],
    state: State,
    contract: Contract,
    calendar: str | None,
    timezone: str | None,
    inferred: tuple[str, ...],
) -> dict[str, Any]:
    """Describe what was checked, as the schema's ``dataset``."""
    symbols = state.series[SYMBOL].drop_nulls()
    bounds = (state.series["from_at"], state.series["to_at"]) if contract.is_intraday else (state.sessions[SESSION],) * 2
    return {
        "paths": list(paths),
        "kind": contract.kind.value,
        "rows": arrived_rows(state),
        "symbols": symbols.n_unique(),
        "first": iso(bounds[0].min()),
        "last": iso(bounds[1].max()),
        "frequency": contract.frequency,
        "calendar": calendar,
        "timezone": timezone,
        "inferred": list(inferred),
    }


def arrived_rows(state: State) -> int:
    """Return how many rows arrived, the empty ones of holidays included."""
    return state.rows + int(state.counts.filter(state.counts["what"] == PLACEHOLDER)["count"].sum())


def judgement_document(dataset: dict[str, Any], judgement: Judgement, calendars: Mapping[str, Calendar]) -> dict[str, Any]:
    """Write a judgement as ``check.schema.json`` describes it."""
    return {
        "schema": "workbench.check/1",
        "dataset": dataset,
        **score_document(judgement.score),
        "band": band(judgement.score, judgement.findings).value,
        "symbols": [
            {SYMBOL: symbol, "score": value, "rows": rows, "calendar": calendars[symbol].name if symbol in calendars else None}
            for symbol, value, rows in judgement.score.by_symbol.iter_rows()
        ],
        "findings": [finding_document(finding, judgement.evidence.contract) for finding in judgement.findings],
        "undescribed": judgement.undescribed,
        "incidents": [_incident(incident) for incident in judgement.incidents],
        "explained": [_explained(odd) for odd in judgement.explained],
    }


def score_document(score: Score) -> dict[str, Any]:
    """Write a score with its dimensions and checks."""
    return {
        "score": float(score),
        "coverage": float(score.coverage),
        "dimensions": {d.dimension.value: _dimension(d) for d in score.dimensions},
    }


def _dimension(dimension: DimensionScore) -> dict[str, Any]:
    return {
        "score": None if dimension.score is None else float(dimension.score),
        "weight": float(dimension.weight),
        "verdict": dimension.verdict.value,
        "checks": [_check(check) for check in dimension.checks],
    }


def _check(check: ScoredCheck) -> dict[str, Any]:
    result = check.result
    document: dict[str, Any] = {
        "name": result.name,
        "verdict": result.verdict.value,
        "score": None if check.score is None else float(check.score),
        "failures": _count(result.failures),
        "total": _count(result.total),
        "unit": result.unit,
        "tolerance": float(result.tolerance),
        "points_lost": float(check.points_lost),
    }
    if result.reason:
        document["reason"] = result.reason
    if result.unjudged:
        document["unjudged"] = result.unjudged
    if result.metrics:
        document["metrics"] = plain(result.metrics)
    return document


def _count(value: Any) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def finding_document(finding: Finding, contract: Contract | None = None) -> dict[str, Any]:
    """Write a finding; with what the contract decides about it, where one is given."""
    decision = None if contract is None else decide(finding, contract)
    return {
        "id": finding.id,
        "kind": finding.kind,
        "symbol": finding.symbol,
        "start": iso(finding.start),
        "end": iso(finding.end),
        "fields": list(finding.fields),
        "rows": finding.rows,
        "severity": finding.severity.value,
        "confidence": finding.confidence,
        "observed": plain(finding.observed),
        "proposed": plain(finding.proposed),
        "proposed_by": None if finding.proposed is None else "reference" if finding.by_reference else "data",
        "hypotheses": [{"kind": h.kind, "probability": h.probability, "evidence": h.evidence} for h in finding.hypotheses],
        "incident": finding.incident,
        "provisional": finding.provisional,
        "decision": None if decision is None else {"action": decision.action.value, "by": decision.by, "reason": decision.reason},
    }


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "kind": incident.kind,
        "start": iso(incident.start),
        "end": iso(incident.end),
        "symbols": list(incident.symbols),
        "summary": incident.summary,
    }


def _explained(odd: Explained) -> dict[str, Any]:
    return {"kind": odd.kind, "symbol": odd.symbol, "start": iso(odd.start), "end": iso(odd.end), "reason": odd.reason}


def comparisons(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Say how other sources and an earlier vintage stand to the data, from the checks that compared; name and words."""
    metrics = {check["name"]: check.get("metrics", {}) for d in document["dimensions"].values() for check in d["checks"]}
    agreement, vintage = metrics["reference_agreement"], metrics["vintage_stability"]
    told = [(name, f"has {share:.1%} of the rows") for name, share in agreement.get("covered", {}).items()]
    for name, words in (("correlation", "of returns"), ("rmse", "of prices, relative")):
        values = metrics[f"reference_{name}"].get(name, {})
        if values:
            worst = (min if name == "correlation" else max)(values, key=lambda symbol: values[symbol])
            told.append((name, f"{values[worst]:.6f} {words}" + (f", worst in {worst}" if len(values) > 1 else "")))
    told += [("by convention", text) for text in agreement.get("conventions", [])]
    return (*told, *([("earlier vintage", f"shares {vintage['shared']:,} rows")] if vintage.get("shared") else []))


def decided(findings: Sequence[Finding], contract: Contract) -> str:
    """Say how many findings the contract decides about, and how many wait for a person."""
    made = [decide(finding, contract) for finding in findings]
    settled = Counter(decision.action.value for decision in made if decision.action is not Action.REVIEW)
    words = [f"{count:,} to {action.replace('_', ' ')}" for action, count in sorted(settled.items())]
    waiting = len(made) - settled.total()
    return "; ".join([*words, f"{waiting:,} wait for a person"]) if words else ""


def session_score(judgement: Judgement, session: date) -> float | None:
    """Return the score of one session on its own rows; None where it has none."""
    row = judgement.score.by_session.filter(judgement.score.by_session[SESSION] == session)
    return None if row.is_empty() else float(row["score"][0])


def alarm_documents(score: Score, session: date | None = None) -> list[dict[str, Any]]:
    """Write the symbols and sessions that are below a threshold on their own, worst first."""
    return [{"level": a.level.value, "what": a.what, "name": a.name, "score": a.score} for a in alarms(score, session)]


def quality_record(judgement: Judgement, session: date) -> dict[str, Any]:
    """Return what the quality stage records: score, the session's own score, findings, that score's own among them.

    Notes
    -----
    ``exact`` gives the score back to the last digit, ``state`` is a hash of what it was made from; by both a replay is compared.
    """
    judgement = against_its_past(judgement, session)
    return {
        **score_document(judgement.score),
        "band": band(judgement.score, judgement.findings).value,
        "session_score": session_score(judgement, session),
        "alarms": alarm_documents(judgement.score, session),
        "rows": arrived_rows(judgement.evidence.state),
        "symbols": {symbol: score for symbol, score, _ in judgement.score.by_symbol.iter_rows()},
        "findings": [finding_document(finding, judgement.evidence.contract) for finding in judgement.findings],
        EXACT: exact_document(judgement.score),
        STATE: state_digest(judgement.evidence.state),
    }
