"""The Python face: open a lab, pick a dataset, read, score, explain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lab.contracts import datasets_in, find_contract, read_settings
from workbench.lab.dataset import Dataset
from workbench.lake import Lake, TableRef, version_of
from workbench.model.html import table, titled

if TYPE_CHECKING:
    from collections.abc import Iterator

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
