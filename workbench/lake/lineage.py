"""Lineage: from what a version of a table was made. Every commit carries it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from workbench.model.errors import LakeBroken

LINEAGE: Final = "workbench.lineage"
"""The key under which a commit's metadata holds it."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a commit was made from, and by what.

    Attributes
    ----------
    stage
        The stage (or the action of a person) that made the commit.
    run
        The run's id; None outside a run.
    receipts
        Ids of the arrivals that were read.
    tables
        Tables that were read, by name, each with its version.
    contract, code
        Fingerprints; empty where there is none.
    """

    stage: str
    run: str | None = None
    receipts: tuple[str, ...] = ()
    tables: tuple[tuple[str, int], ...] = ()
    contract: str = ""
    code: str = ""

    def to_json(self) -> str:
        """Return it as JSON text with sorted keys."""
        return json.dumps(
            {
                "stage": self.stage,
                "run": self.run,
                "receipts": list(self.receipts),
                "tables": [list(pair) for pair in self.tables],
                "contract": self.contract,
                "code": self.code,
            },
            sort_keys=True,
        )


def parse_lineage(text: str, *, origin: str) -> Lineage:
    """Read lineage from JSON.

    Raises
    ------
    LakeBroken
        The text is not what :meth:`Lineage.to_json` writes; the message begins with ``origin``.
    """
    try:
        table = json.loads(text)
        return Lineage(
            stage=table["stage"],
            run=table["run"],
            receipts=tuple(table["receipts"]),
            tables=tuple((str(name), int(version)) for name, version in table["tables"]),
            contract=table["contract"],
            code=table["code"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LakeBroken(f"{origin}: expected lineage as workbench writes it, found {text[:80]!r}") from error
