"""Every check there is, in one list: adding one is a function in its dimension's module and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from workbench.model.checks import CheckResult, Dimension, Verdict
from workbench.model.contract import exact
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.names import Kind
from workbench.quality import accuracy, completeness, consistency, timeliness, validity
from workbench.quality.outcome import Outcome, not_applicable

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.model.contract import Contract
    from workbench.quality.ledger import Ledger

_ALL = frozenset(Kind)
_KEYED = frozenset({Kind.BARS, Kind.VALUES})


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it is called, where it counts, how much it forgives."""

    name: str
    dimension: Dimension
    unit: str
    tolerance: Fraction
    evaluate: Callable[[Ledger], Outcome]
    kinds: frozenset[Kind] = _ALL
    weight: Fraction = Fraction(1)


def _check(
    name: str,
    dimension: Dimension,
    unit: str,
    tolerance: float,
    evaluate: Callable[[Ledger], Outcome],
    kinds: frozenset[Kind] = _ALL,
    weight: Fraction = Fraction(1),
) -> Check:
    return Check(name, dimension, unit, exact(tolerance), evaluate, kinds, weight)


_C, _A, _K, _T, _V = Dimension

CHECKS: tuple[Check, ...] = (
    _check("missing_values", _C, "cells", 0.05, completeness.missing_values),
    _check("bar_count", _C, "rows", 0.05, completeness.bar_count, _KEYED),
    _check("session_coverage", _C, "sessions", 0.05, completeness.session_coverage),
    _check("symbol_coverage", _C, "symbols", 0.1, completeness.symbol_coverage),
    _check("reference_agreement", _A, "cells", 0.02, accuracy.reference_agreement),
    _check("reference_correlation", _A, "symbols", 0.5, accuracy.reference_correlation),
    _check("reference_rmse", _A, "symbols", 0.5, accuracy.reference_rmse),
    _check("vintage_stability", _A, "rows", 0.02, accuracy.vintage_stability),
    _check("statistical_bounds", _A, "rows", 0.005, accuracy.statistical_bounds),
    _check("historical_pattern", _A, "rows", 0.015, accuracy.historical_pattern, _KEYED),
    _check("corporate_actions", _A, "events", 0.5, accuracy.corporate_actions, frozenset({Kind.BARS}), Fraction(1, 2)),
    _check("price_positive", _K, "cells", 0.005, consistency.price_positive),
    _check("volume_non_negative", _K, "cells", 0.005, consistency.volume_non_negative),
    _check("ohlc_order", _K, "rows", 0.01, consistency.ohlc_order, frozenset({Kind.BARS})),
    _check("crossed_quotes", _K, "rows", 0.01, consistency.crossed_quotes, frozenset({Kind.QUOTES, Kind.TICKS})),
    _check("time_order", _K, "rows", 0.05, consistency.time_order),
    _check("unique_key", _K, "rows", 0.01, consistency.unique_key, _KEYED),
    _check("freshness", _T, "hours", 1.0, timeliness.freshness),
    _check("update_frequency", _T, "sessions", 0.2, timeliness.update_frequency),
    _check("arrival_lag", _T, "hours", 1.0, timeliness.arrival_lag),
    _check("columns", _V, "columns", 0.2, validity.columns),
    _check("types", _V, "cells", 0.01, validity.types),
    _check("ranges", _V, "cells", 0.005, validity.ranges),
    _check("formats", _V, "rows", 0.01, validity.formats),
    _check("references", _V, "rows", 0.02, validity.references),
)


def run_checks(ledger: Ledger) -> tuple[CheckResult, ...]:
    """Evaluate every check that fits the dataset's kind.

    A check that raises is an ERROR and counts as lost; it never disappears.

    Raises
    ------
    BadInput
        The contract tunes a check that does not exist.
    """
    contract = ledger.evidence.contract
    names = [check.name for check in CHECKS]
    for name in contract.checks:
        if name not in names:
            raise BadInput(f"contract {contract.dataset}: unknown check '{name}' under [checks]{did_you_mean(name, names)}")
    relevant = (_tuned(check, contract) for check in CHECKS if contract.kind in check.kinds)
    return tuple(_evaluate(check, ledger) for check in relevant)


def _tuned(check: Check, contract: Contract) -> Check:
    tuning = contract.checks.get(check.name)
    if tuning is None:
        return check
    tolerance = check.tolerance if tuning.tolerance is None else exact(tuning.tolerance)
    weight = check.weight if tuning.weight is None else exact(tuning.weight)
    return Check(check.name, check.dimension, check.unit, tolerance, check.evaluate, check.kinds, weight)


def _evaluate(check: Check, ledger: Ledger) -> CheckResult:
    try:
        outcome = check.evaluate(ledger)
        verdict = outcome.verdict
    except Exception as error:  # noqa: BLE001 (the one place that turns a failing check into an ERROR)
        outcome = not_applicable(f"{type(error).__name__}: {error}".splitlines()[0])
        verdict = Verdict.ERROR
    return CheckResult(
        name=check.name,
        dimension=check.dimension,
        verdict=verdict,
        unit=check.unit,
        tolerance=check.tolerance,
        weight=check.weight,
        failures=outcome.failures,
        total=outcome.total,
        reason=outcome.reason,
        where=outcome.where,
        metrics=outcome.metrics,
        covered=outcome.covered,
        unjudged=outcome.unjudged,
    )
