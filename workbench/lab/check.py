"""``wb.check``: any frame or file, no configuration; a score, what is wrong, a report to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.figures.score import waterfall
from workbench.ingest.files import read_paths
from workbench.lab.beside import origins_of, rows_beside
from workbench.lab.displays import findings_html, score_html
from workbench.lab.documents import dataset_document, judgement_document
from workbench.lab.judgement import Judgement, judge
from workbench.lab.large import judged_files, large_files
from workbench.lab.results import Scored
from workbench.lab.understanding import Understood, understand
from workbench.model.contract import Reference
from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT
from workbench.model.score import score_text
from workbench.quality.ledger import Evidence
from workbench.quality.passes import measured
from workbench.quality.sources.opinion import compared
from workbench.quality.sources.vintages import restated
from workbench.transform.corporate_actions import shows_every_split, unused_events, with_events
from workbench.transform.event_tables import read_events
from workbench.transform.formats import from_pandas, typed_table
from workbench.transform.standardise import standardise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd
    import plotly.graph_objects as go

    from workbench.model.contract import Contract
    from workbench.model.findings import Finding
    from workbench.model.score import Score
    from workbench.transform.tables import RawTable

Checkable = str | Path | pl.DataFrame | pl.LazyFrame | Any
"""A path, several of them, or a frame of Polars, pandas or Arrow."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check says; shows itself in a notebook, and as ``check.schema.json`` describes.

    Attributes
    ----------
    left_out
        Rows after ``as_of``, which nobody could have known then.
    """

    paths: tuple[str, ...]
    understood: Understood
    judgement: Judgement
    as_of: datetime | None = None
    left_out: int = 0

    @property
    def score(self) -> Score:
        """The score, with its dimensions and where points were lost."""
        return self.judgement.score

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.judgement.findings

    def figure(self) -> go.Figure:
        """Draw the way down from 100."""
        return waterfall(self.score)

    def to_polars(self) -> pl.DataFrame:
        """Return every check with its failures and the points it costs."""
        return Scored(self.judgement, self.title).explain()

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    @property
    def title(self) -> str:
        """What was checked, in few words."""
        return ", ".join(Path(path).name for path in self.paths)

    def _repr_html_(self) -> str:
        return score_html(self.score, self.title) + findings_html(self.findings)

    def __repr__(self) -> str:
        return f"{self.title}: {score_text(self.score.value)} of 100, {len(self.findings)} findings"

    def to_json(self) -> dict[str, Any]:
        """Return the document ``workbench check --json`` prints."""
        seen = self.understood
        dataset = dataset_document(
            self.paths, self.judgement.evidence.state, seen.contract, seen.calendar, seen.timezone, seen.inferred
        )
        return judgement_document(dataset, self.judgement, seen.calendars)


def check(
    data: Checkable,
    *,
    contract: Contract | None = None,
    calendar: str | None = None,
    as_of: datetime | None = None,
    reference: Checkable | Mapping[str, Checkable] | None = None,
    previous: Checkable | None = None,
    events: Checkable | None = None,
) -> Checked:
    """Check market data that nobody has described.

    Parameters
    ----------
    data : path, sequence of paths, or frame
        A file, a folder, many of them; or a Polars, pandas or Arrow table.
    contract : Contract, optional
        What is known about it; the rest is inferred.
    calendar : str, optional
        An exchange_calendars name, ``24/7``, ``24/5`` or ``learned``.
    as_of : datetime, optional
        With a zone. Timeliness is judged at this moment, and nothing after it is used.
    reference : path or frame, or mapping of name to path or frame, optional
        A second opinion to compare with, or several, in order of trust.
    previous : path or frame, optional
        What the same source said before: what it has changed since is looked at.
    events : path or frame, optional
        Splits and dividends, where the data carries none itself; also the contract's.

    Returns
    -------
    Checked

    Raises
    ------
    BadInput
        Something cannot be read; the message says what, where and what to do.

    Examples
    --------
    >>> import polars as pl, workbench as wb
    >>> days = pl.date_range(pl.date(2024, 1, 2), pl.date(2024, 1, 5), eager=True)
    >>> wb.check(pl.DataFrame({"date": days, "close": [10.0, 10.1, -1.0, 10.2]})).findings[0].kind
    'non_positive'
    """
    events = events if events is not None else contract.events if contract else None
    if reference is None and previous is None and events is None and (files := large_files(_paths(data))):
        large = judged_files(files, contract, calendar, as_of)
        if large is not None:
            return Checked(tuple(str(path) for path in _paths(data)), large[0], large[1], as_of, large[2])
    paths, tables = _tables(data)
    understood = _understood(tables, contract, calendar)
    frame, left_out = _known_by(understood.frame, as_of)
    if frame.is_empty():
        raise BadInput(f"{', '.join(paths)[:200]}: no rows at or before {as_of:%Y-%m-%dT%H:%MZ}; choose a later --as-of")
    if events is not None:
        frame, understood = _with_events(frame, understood, read_events(_tables(events)[1][0]))
    others = {name: _known_by(_other(data, understood), as_of)[0] for name, data in _references(reference).items()}
    before = None if previous is None else _known_by(_other(previous, understood), as_of)[0]
    judgement = judged_rows(understood.of(frame), now=as_of, references=others, previous=before)
    return Checked(paths, understood, judgement, as_of, left_out)


def _with_events(frame: pl.DataFrame, seen: Understood, events: pl.DataFrame) -> tuple[pl.DataFrame, Understood]:
    """Put events beside rows, and say which were of no use, and whether prices show them: unadjusted ones do."""
    beside, said = with_events(frame, events), []
    if unused := unused_events(frame, events):
        said.append(f"events: {unused} of {len(events)} not used, their symbol or their day is not in the data")
    contract = seen.contract
    is_open = contract.adjustment == "unknown" and "close" in frame.columns and not frame.is_empty()
    if is_open and shows_every_split(beside):
        contract = contract.model_copy(update={"adjustment": "none"})
        said.append("adjustment: none, prices step at every split; a contract may say otherwise")
    return beside, replace(seen, contract=contract, inferred=(*seen.inferred, *said))


def _references(reference: Checkable | Mapping[str, Checkable] | None) -> dict[str, Checkable]:
    """Name every source that the data is compared with."""
    if reference is None:
        return {}
    if isinstance(reference, Mapping):
        return {str(name): data for name, data in reference.items()}
    paths = _paths(reference)
    return {Path(paths[0]).stem if len(paths) == 1 else "reference": reference}


def _other(data: Checkable, seen: Understood) -> pl.DataFrame:
    """Read another source as the data was read."""
    return rows_beside(_tables(data)[1], seen.contract.model_copy(update={"timezone": seen.timezone}), seen.calendar)


def judged_rows(
    understood: Understood,
    *,
    now: datetime | None = None,
    references: Mapping[str, pl.DataFrame] | None = None,
    previous: pl.DataFrame | None = None,
) -> Judgement:
    """Measure and judge rows that are at hand.

    Parameters
    ----------
    understood : Understood
    now : datetime, optional
        UTC; the moment timeliness is judged at.
    references : mapping of name to DataFrame, optional
        Standard rows of other sources, in order of trust.
    previous : DataFrame, optional
        Standard rows of an earlier vintage.
    """
    frame, contract = understood.frame, understood.contract
    terms = understood.terms(now)
    limits = contract.reference or Reference(path="")
    evidence = Evidence(
        state=measured(frame, terms),
        contract=contract,
        terms=terms,
        now=now,
        opinion=(lambda: compared(frame, references, terms, limits)) if references else None,
        vintages=None if previous is None else lambda: restated(frame, previous, terms),
        out_of_order=understood.out_of_order,
    )
    return judge(evidence, lambda cells: frame.join(cells, on=cells.columns, how="semi", nulls_equal=True))


def _understood(tables: Sequence[RawTable], contract: Contract | None, calendar: str | None) -> Understood:
    arrived = standardise(
        origins_of(tables),
        columns=contract.columns if contract else None,
        kind=contract.kind if contract else None,
        frequency=contract.frequency if contract else None,
    )
    return understand(arrived, contract, calendar)


def _paths(data: Checkable) -> tuple[Path, ...]:
    """Return the paths that are to be checked; none where a frame is."""
    if isinstance(data, (str, Path)):
        return (Path(data),)
    if isinstance(data, (list, tuple)) and data and all(isinstance(item, (str, Path)) for item in data):
        return tuple(Path(item) for item in data)
    return ()


def _tables(data: Checkable) -> tuple[tuple[str, ...], tuple[RawTable, ...]]:
    if paths := _paths(data):
        return tuple(str(path) for path in paths), read_paths(paths)
    return ("frame",), (typed_table(_frame(data), origin="frame", label="frame"),)


def _frame(data: Any) -> pl.DataFrame:
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    if type(data).__module__.partition(".")[0] == "pandas":
        return from_pandas(data)
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    raise BadInput(f"expected a path, or a Polars, pandas or Arrow table; found {type(data).__name__}")


def _known_by(frame: pl.DataFrame, as_of: datetime | None) -> tuple[pl.DataFrame, int]:
    """Leave out what had not happened yet; rows without a readable time stay, to be counted."""
    if as_of is None:
        return frame, 0
    known = frame.filter(pl.col(EVENT_AT).is_null() | (pl.col(EVENT_AT) <= as_of))
    return known, len(frame) - len(known)
