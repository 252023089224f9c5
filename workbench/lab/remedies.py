"""What an action would do about a finding: which rows it takes out, what it puts where, and why it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lab.found_rows import FoundRows, expected_rows, with_when
from workbench.model.decisions import REFUTING, TAKING, Action, Moment
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.names import PRICES, REASON, SIZES, SYMBOL
from workbench.review.policies import STRUCTURAL
from workbench.review.proposals import ABSENT, WHEN, cells_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from workbench.model.decisions import Cell
    from workbench.model.findings import Finding
    from workbench.quality.sources.opinion import Opinion

OF_SCALE: Final = frozenset(
    {"unit_switch", "volume_unit", "unadjusted_split", "partial_split", "double_split", "dividend_adjustment"}
)
"""Kinds that conventions between sources would explain away: another source is then asked for its plain values."""
OF_ORDER: Final = frozenset({"ohlc_order", "crossed_quote"})
"""Kinds about values that contradict each other: a correction has to end that."""
OF_SESSIONS: Final = frozenset({"phantom_session", "calendar_error", "clock_shift"})
"""Kinds that mean whole sessions, however many rows these have."""
FACTOR: Final = "factor"


@dataclass(slots=True)
class Remedies:
    """What can be done about the findings of a review.

    Attributes
    ----------
    opinion
        What other sources say, if there are any.
    references
        The trusted rows of other sources as they have them.
    """

    rows: FoundRows
    opinion: Opinion | None
    references: Callable[[], Sequence[pl.DataFrame]]

    def require(self, finding: Finding, action: Action, given: Mapping[str, float] | None) -> None:
        """Refuse what cannot be done about a finding.

        Raises
        ------
        BadInput
            Says why, and what can be done instead.
        """
        why = self._refusal(finding, action, given)
        if why:
            raise BadInput(f"{self.rows.snap.contract.dataset}: {finding.kind} of {finding.symbol or 'no symbol'}: {why}")

    def can(self, finding: Finding, action: Action, given: Mapping[str, float] | None = None) -> bool:
        """Return whether an action can be done about a finding."""
        return not self._refusal(finding, action, given)

    def span(self, finding: Finding, action: Action) -> tuple[Moment, Moment]:
        """Return from when to when rows are meant: of what goes to quarantine, without the event a finding reaches to."""
        if action is not Action.QUARANTINE or finding.kind in STRUCTURAL or self._means_sessions(finding):
            return finding.start, finding.end
        there = self._within(finding)
        last = there[WHEN][-2] if len(there) == finding.rows + 1 and finding.rows else None
        return finding.start, finding.end if last is None else last

    def count(self, finding: Finding, action: Action) -> int:
        """Return how many rows go to quarantine."""
        if action is not Action.QUARANTINE or finding.kind in STRUCTURAL:
            return 0
        there = len(self._within(finding))
        return there if self._means_sessions(finding) else min(there, finding.rows)

    def cells(self, finding: Finding, action: Action, given: Mapping[str, float] | None = None) -> tuple[Cell, ...]:
        """Return what an action would put where; nothing where it cannot be done, or would change nothing."""
        if action not in TAKING or finding.kind in STRUCTURAL:
            return ()
        contract = self.rows.snap.contract
        made = cells_for(
            self.rows.placed(finding), action, self.rows.good(finding), kind=contract.kind, given=given,
            others=self._elsewhere(finding) if action is Action.TAKE_REFERENCE else (),
            expected=expected_rows(finding, contract),
        )  # fmt: skip
        changing = tuple(cell for cell in made if cell.was is None or cell.values != cell.was)
        is_asked = finding.kind in OF_ORDER or action is Action.TAKE_GIVEN
        return () if is_asked and not self._are_in_order(finding, changing) else changing

    def _refusal(self, finding: Finding, action: Action, given: Mapping[str, float] | None) -> str:
        if given and action is not Action.TAKE_GIVEN:
            return f"values are given with take_given, not with {action.value}"
        if finding.kind in STRUCTURAL and (action in TAKING or action in REFUTING):
            return "its rows are in quarantine; workbench review release puts one of them among the others"
        if action is Action.QUARANTINE:
            return self._cannot_go(finding)
        if action not in TAKING:
            return ""
        return (self._is_nonsense(given) if action is Action.TAKE_GIVEN else "") or (
            "" if self.cells(finding, action, given) else _cannot(action, finding)
        )

    def _cannot_go(self, finding: Finding) -> str:
        """Say why rows cannot be taken out: there are none, or it is not known which of many are meant."""
        if finding.kind in ABSENT:
            return "no row is there that could go to quarantine"
        if finding.kind in STRUCTURAL or self._means_sessions(finding):
            return ""
        there = len(self._within(finding))
        if there <= finding.rows + 1:
            return ""
        return f"it tells of {finding.rows:,} of the {there:,} rows in its span, not of which; keep it, dismiss it, or leave it"

    def _means_sessions(self, finding: Finding) -> bool:
        return finding.kind in OF_SESSIONS and self.rows.snap.contract.is_intraday

    def _within(self, finding: Finding) -> pl.DataFrame:
        placed = self.rows.placed(finding)
        span = pl.col(WHEN).is_between(pl.lit(placed.start), pl.lit(placed.end))
        return self.rows.of(finding.symbol).filter(span & pl.col(REASON).is_null())

    def _is_nonsense(self, given: Mapping[str, float] | None) -> str:
        contract = self.rows.snap.contract
        prices, sizes = PRICES[contract.kind], SIZES[contract.kind]
        known = [name for name in (*prices, *sizes) if name in self.rows.snap.fields]
        for name, value in (given or {}).items():
            if name != FACTOR and name not in known:
                expected = f"expected {', '.join((*known, FACTOR))}{did_you_mean(name, known)}"
                return f"'{name[:40]}' is no column that is corrected; {expected}"
            if name == FACTOR and len(given or {}) > 1:
                return "a factor is for all of its columns: give it alone"
            least = 0.0 if name in sizes else None if contract.allow_non_positive and name != FACTOR else 5e-324
            if not isfinite(value) or (least is not None and value < least):
                return f"{name} cannot be {value:g}"
        return ""

    def _are_in_order(self, finding: Finding, cells: Sequence[Cell]) -> bool:
        """Whether corrected rows contradict themselves no more."""
        if not cells:
            return False
        good = {row[WHEN]: row for row in self.rows.good(finding).to_dicts()} if len(cells) < 100 else {}
        return all(_is_in_order({**good.get(cell.at, {}), **cell.values}) for cell in cells)

    def _elsewhere(self, finding: Finding) -> list[pl.DataFrame]:
        """Return what other sources say of a symbol: on the data's scale, unless that is in doubt, or rows are missing."""
        contract = self.rows.snap.contract
        if finding.kind in ABSENT or finding.kind in OF_SCALE:
            return [with_when(frame, contract).filter(pl.col(SYMBOL) == finding.symbol) for frame in self.references()]
        moments, cells = self.opinion.by_symbol.get(finding.symbol, ([], {})) if self.opinion is not None else ([], {})
        if not moments:
            return []
        said = {name: pl.Series(one.agreed, dtype=pl.Float64).fill_nan(None) for name, one in cells.items()}
        when = self.rows.of(finding.symbol).schema[WHEN]
        return [pl.DataFrame({WHEN: pl.Series(moments).cast(when), **said})]


def _is_in_order(row: Mapping[str, object]) -> bool:
    """Whether a bar's high is its highest price and its low its lowest, and a bid is not above its ask; nulls say nothing."""
    there = {name: value for name, value in row.items() if isinstance(value, float)}
    bar = [there[name] for name in ("open", "high", "low", "close") if name in there]
    high, low = there.get("high"), there.get("low")
    is_bar = (high is None or high >= max(bar)) and (low is None or low <= min(bar))
    return is_bar and not ("bid" in there and "ask" in there and there["bid"] > there["ask"])


def _cannot(action: Action, finding: Finding) -> str:
    """Say why nothing can be put in the place of what was observed."""
    if finding.kind in ABSENT and action in (Action.TAKE_PROPOSED, Action.TAKE_GIVEN):
        return "no row is there; take_last makes one of the last price, take_reference of what another source has"
    if action is Action.TAKE_PROPOSED:
        return "no value is proposed; type one in, or put the rows into quarantine"
    if action is Action.TAKE_REFERENCE:
        return "no other source says anything else of it"
    if action is Action.TAKE_GIVEN:
        return f"it is about {finding.rows} rows: give a factor" if finding.rows != 1 else "give values that make a sound row"
    return "the last good value would not mend it" if finding.kind in OF_ORDER else "there is no good value before it"
