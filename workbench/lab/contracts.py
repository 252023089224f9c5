"""Contracts and settings as files: found, read, fingerprinted."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from workbench.calendars import calendar
from workbench.model.contract import Contract, parse_contract
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.settings import Settings, parse_settings

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS_FILE = "workbench.toml"


def read_text(path: Path, what: str) -> str:
    """Return a text file's content.

    Raises
    ------
    BadInput
        There is no such file, it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such {what}; check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: this {what} cannot be read: {error}") from error


def read_contract(path: Path) -> Contract:
    """Read one contract.

    Raises
    ------
    BadInput
        As :func:`workbench.model.contract.parse_contract`.
    """
    return parse_contract(read_text(path, "contract"), origin=str(path))


def find_contract(folder: Path, dataset: str) -> Contract:
    """Read the contract of a dataset.

    Raises
    ------
    BadInput
        The folder has none of that name, or the file is about another dataset.
    """
    known = datasets_in(folder)
    if dataset not in known:
        there = f"found {', '.join(known)}" if known else "found none"
        hint = did_you_mean(dataset, known)
        raise BadInput(f"{folder}: no contract for '{dataset}'; {there}; copy one from templates/contracts/{hint}")
    contract = read_contract(folder / f"{dataset}.toml")
    if contract.dataset != dataset:
        raise BadInput(
            f"{folder / dataset}.toml: key 'dataset': expected '{dataset}' as the file is called, found '{contract.dataset}'"
        )
    return contract


def datasets_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the datasets that have a contract here."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def read_settings(root: Path) -> Settings:
    """Read a lab's settings.

    Raises
    ------
    BadInput
        There is no lab here, or its settings are wrong.
    """
    path = root / SETTINGS_FILE
    if not path.is_file():
        raise BadInput(f"{root}: no lab here (no {SETTINGS_FILE}); make one with: workbench init {root}")
    return parse_settings(read_text(path, "settings file"), origin=str(path))


def contract_fingerprint(contract: Contract) -> str:
    """Return a hash of everything a contract says."""
    return sha256(contract.model_dump_json().encode()).hexdigest()[:16]


def clock_of(contract: Contract) -> str:
    """Return the IANA zone of a dataset's wall clock: the contract's, its calendar's, or UTC."""
    named = contract.calendar if contract.calendar not in (None, "learned") else None
    return contract.timezone or (calendar(named).timezone if named else "UTC")
