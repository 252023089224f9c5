"""The Python face: open a lab, pick a dataset, read, score, explain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lab.asof import Known, known_at
from workbench.lab.contracts import datasets_in, find_contract, read_settings
from workbench.lab.dataset import Dataset
from workbench.lab.differing import Difference, difference
from workbench.lab.gathering import Day, as_day
from workbench.lab.run import Run, read_run
from workbench.lab.runs import Runs, all_runs, made_again
from workbench.lab.trends import Trends, trends_of
from workbench.lake import Lake, TableRef, version_of
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.html import table, titled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from workbench.model.settings import Settings


@dataclass(frozen=True, slots=True)
class Lab:
    """A folder with contracts, notebooks and a lake.

    Examples
    --------
    ``wb.open(".")["us_equities"].read(symbols=["IBM"], start="2012-01-01")``
    """

    root: Path
    settings: Settings

    @property
    def lake(self) -> Lake:
        """Where data rests."""
        return Lake(self.root / self.settings.lake)

    @property
    def stages(self) -> Path:
        """The folder of the stage notebooks."""
        return self.root / self.settings.notebooks / "stages"

    def __getitem__(self, name: str) -> Dataset:
        """Return a dataset by its contract's name.

        Raises
        ------
        BadInput
            No contract has that name.
        """
        contract = find_contract(self.root / self.settings.contracts, name)
        return Dataset(self.root, self.lake, contract, self.settings.retries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.datasets)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of the datasets that have a contract."""
        return datasets_in(self.root / self.settings.contracts)

    def runs(
        self,
        dataset: str | Sequence[str] | None = None,
        *,
        start: Day = None,
        end: Day = None,
        verdict: str | Sequence[str] | None = None,
        fresh: bool = False,
    ) -> Runs:
        """Return the runs of all datasets, or some of them.

        Parameters
        ----------
        dataset : str or sequence of str, optional
        start, end : date or ISO text, optional
            Sessions, both included.
        verdict : str or sequence of str, optional
            Of ``ok``, ``medium``, ``high``, ``critical``, ``failed``.
        fresh : bool
            Make the index again, from the manifests of the runs alone.
        """
        known = made_again(self.lake) if fresh else all_runs(self.lake)
        there = {*self.datasets, *known.frame["dataset"]}
        for name in [dataset] if isinstance(dataset, str) else dataset or ():
            if name not in there:
                raise BadInput(f"there is no dataset '{name[:60]}', and no run of one{did_you_mean(name, sorted(there))}")
        return known.where(dataset=dataset, start=start, end=end, verdict=verdict)

    def run(self, run_id: str) -> Run:
        """Return one run, by its id.

        Raises
        ------
        BadInput
            There is none.
        """
        return read_run(self.lake, run_id)

    def trends(self, dataset: str, *, start: Day = None, end: Day = None) -> Trends:
        """Return how a dataset has fared: score, findings by kind, any metric, and what happened when.

        Raises
        ------
        BadInput
            There is no such dataset, or no run in that range.
        """
        return trends_of(self, dataset, as_day(start), as_day(end))

    def diff(self, before: str | Run, after: str | Run) -> Difference:
        """Return what is different between two runs of a dataset; runs, or their ids.

        Raises
        ------
        BadInput
            There is no such run, or they are of two datasets.
        """
        return difference(self, *(self.run(run) if isinstance(run, str) else run for run in (before, after)))

    def asof(self, dataset: str, at: datetime) -> Known:
        """Return what was known of a dataset at a moment, with its zone: data, score, open findings, decisions.

        Raises
        ------
        BadInput
            There is no such dataset, or nothing had been recorded by then.
        """
        return known_at(self, dataset, at)

    def _repr_html_(self) -> str:
        rows = [
            (name, c.title, c.kind.value, c.frequency, c.calendar, self._state(name))
            for name in self.datasets
            for c in (self[name].contract,)
        ]
        return titled("Lab", table(("dataset", "title", "kind", "frequency", "calendar", "state"), rows))

    def _state(self, name: str) -> str:
        return "not ingested yet" if version_of(self.lake, TableRef.processed(name)) is None else "ready"

    def __repr__(self) -> str:
        return f"Lab: {', '.join(self.datasets) or 'no datasets'}"


def open_lab(path: str | Path = ".") -> Lab:
    """Open a lab.

    Parameters
    ----------
    path : str or Path
        Its folder, or one inside it.

    Raises
    ------
    BadInput
        There is no lab here.
    """
    start = Path(path).resolve()
    root = next((folder for folder in (start, *start.parents) if (folder / "workbench.toml").is_file()), start)
    return Lab(root, read_settings(root))
