"""Two runs held against each other: parameters, code, contract, data, findings, and the score with its exact explanation."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.pages import difference_page
from workbench.audit.seals import find_seal, read_kept
from workbench.lab.comparing import Compared, compare
from workbench.lab.documents import EXACT
from workbench.lab.exact import score_from
from workbench.lab.rows_between import RowsBetween, rows_between
from workbench.lab.sealing import CONTRACT, NOTEBOOK, PACKAGE
from workbench.lake import TableRef, Zone
from workbench.model.errors import BadInput, WorkbenchError
from workbench.model.html import table, titled

if TYPE_CHECKING:
    from workbench.audit.seals import Seal
    from workbench.lab.lab import Lab
    from workbench.lab.run import Run
    from workbench.model.runs import RunManifest

MOST_LINES: Final = 200
_OF_COURSE: Final = frozenset({"run"})
"""Parameters in which any two runs differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is different between two runs of a dataset.

    Attributes
    ----------
    parameters, environment
        Name -> value then and now.
    arrivals
        Ids of those that only one of the two knew: ``new`` and ``gone``.
    code, notebooks
        Files that differ: path -> ``added``, ``removed`` or ``changed``; None where the code of one was not sealed.
    contract
        Lines of a unified diff; None where a contract was not sealed.
    rows
        None where a version of the table is not known or not there.
    findings
        ``new`` and ``gone``, as the runs recorded them.
    compared
        The exact explanation; None where a run has not recorded one.
    unknown
        What could not be compared, and why.
    """

    before: RunManifest
    after: RunManifest
    parameters: dict[str, tuple[Any, Any]]
    environment: dict[str, tuple[Any, Any]]
    arrivals: dict[str, list[str]]
    code: dict[str, str] | None
    notebooks: dict[str, str] | None
    contract: list[str] | None
    rows: RowsBetween | None
    findings: dict[str, list[dict[str, Any]]]
    compared: Compared | None
    unknown: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "schema": "workbench.diff/1",
            "dataset": self.after.dataset,
            "runs": {name: _named(run) for name, run in (("before", self.before), ("after", self.after))},
            "parameters": {name: list(pair) for name, pair in self.parameters.items()},
            "environment": {name: list(pair) for name, pair in self.environment.items()},
            "arrivals": self.arrivals,
            "code": self.code,
            "notebooks": self.notebooks,
            "contract": self.contract,
            "rows": None if self.rows is None else self.rows.to_json(),
            "findings": self.findings,
            "score": None if self.compared is None else self.compared.to_json(),
            "unknown": list(self.unknown),
        }

    def html(self) -> str:
        """Return it as one page that opens offline."""
        figures = () if self.compared is None else (("What moved the score", self.compared.figure()),)
        return difference_page(self.to_json(), figures)

    def _repr_html_(self) -> str:
        rows = self.rows
        counts = "unknown" if rows is None else f"{len(rows.added)}, {len(rows.removed)}, {rows.changed_rows}"
        facts = [
            ("rows added, removed, changed", counts),
            ("findings new, gone", f"{len(self.findings['new'])}, {len(self.findings['gone'])}"),
            ("parameters", ", ".join(self.parameters) or "the same"),
            ("contract", "unknown" if self.contract is None else "another" if self.contract else "the same"),
            ("code", "unknown" if self.code is None else f"{len(self.code)} files differ" if self.code else "the same"),
            *(("not known", line) for line in self.unknown),
        ]
        moved = "" if self.compared is None else self.compared._repr_html_()
        return moved + titled("What is different", table(("what", "how"), facts))

    def __repr__(self) -> str:
        moved = "unknown" if self.compared is None else repr(self.compared)
        return f"{self.before.id} to {self.after.id}: score {moved}"


def _named(run: RunManifest) -> dict[str, Any]:
    said = {"outcome": run.outcome.value, "now": run.now.isoformat(), "score": (run.score or {}).get("score")}
    return {"run": run.id, "session": run.session.isoformat(), **said}


def difference(lab: Lab, before: Run, after: Run) -> Difference:
    """Compare two runs.

    Raises
    ------
    BadInput
        They are runs of two datasets.
    """
    then, now = before.manifest, after.manifest
    if then.dataset != now.dataset:
        raise BadInput(f"run {then.id} is one of {then.dataset}, run {now.id} of {now.dataset}; only runs of one dataset compare")
    unknown: list[str] = []
    seals = [_seal(lab, run, unknown) for run in (then, now)]
    return Difference(
        before=then,
        after=now,
        parameters=_pairs(then.parameters, now.parameters, _OF_COURSE),
        environment=_pairs(then.environment, now.environment),
        arrivals={
            "new": sorted({*now.inputs["arrivals"]} - {*then.inputs["arrivals"]}),
            "gone": sorted({*then.inputs["arrivals"]} - {*now.inputs["arrivals"]}),
        },
        code=_code(lab, then, now, seals, unknown),
        notebooks=_files(*(_notebooks(seal) for seal in seals)) if all(seals) else None,
        contract=_contract(lab, then, now, seals, unknown),
        rows=_rows(lab, then, now, unknown),
        findings=_findings(then, now),
        compared=_compared(then, now, unknown),
        unknown=tuple(unknown),
    )


def _notebooks(seal: Seal | None) -> dict[str, str]:
    return {name.removeprefix(NOTEBOOK): hashed for name, hashed in _made(seal).items() if name.startswith(NOTEBOOK)}


def _pairs(then: dict[str, Any], now: dict[str, Any], without: frozenset[str] = frozenset()) -> dict[str, tuple[Any, Any]]:
    names = [name for name in dict.fromkeys((*then, *now)) if name not in without]
    return {name: (then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)}


def _seal(lab: Lab, run: RunManifest, unknown: list[str]) -> Seal | None:
    try:
        return find_seal(lab.lake.zone(Zone.METADATA), run.id)
    except WorkbenchError as error:
        unknown.append(str(error))
        return None


def _made(seal: Seal | None) -> dict[str, str]:
    return seal.made_from if seal else {}


def _kept(lab: Lab, seal: Seal | None, name: str, unknown: list[str]) -> bytes | None:
    hashed = _made(seal).get(name)
    if seal is None or hashed is None:
        if seal is not None:
            unknown.append(f"the {name} of run {seal.run} was not sealed")
        return None
    try:
        return read_kept(lab.lake.zone(Zone.METADATA), hashed, name)
    except WorkbenchError as error:
        unknown.append(str(error))
        return None


def _code(lab: Lab, then: RunManifest, now: RunManifest, seals: list[Seal | None], unknown: list[str]) -> dict[str, str] | None:
    if then.inputs["code"] == now.inputs["code"]:
        return {}
    packed = [_kept(lab, seal, PACKAGE, unknown) for seal in seals]
    if packed[0] is None or packed[1] is None:
        return None
    files = [{i.filename: str(i.CRC) for i in zipfile.ZipFile(io.BytesIO(content)).infolist()} for content in packed if content]
    return _files(files[0], files[1])


def _files(then: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    words = {(False, True): "added", (True, False): "removed", (True, True): "changed"}
    names = sorted({*then, *now})
    return {name: words[name in then, name in now] for name in names if then.get(name) != now.get(name)}


def _contract(lab: Lab, then: RunManifest, now: RunManifest, seals: list[Seal | None], unknown: list[str]) -> list[str] | None:
    if then.inputs["contract"] == now.inputs["contract"]:
        return []
    texts = [_kept(lab, seal, CONTRACT, unknown) for seal in seals]
    if texts[0] is None or texts[1] is None:
        return None
    lines = [text.decode().splitlines() for text in texts if text is not None]
    return list(unified_diff(lines[0], lines[1], then.id, now.id, lineterm="", n=1))[:MOST_LINES]


def _rows(lab: Lab, then: RunManifest, now: RunManifest, unknown: list[str]) -> RowsBetween | None:
    table = str(TableRef.processed(now.dataset))
    versions = [run.versions.get("out", {}).get(table) for run in (then, now)]
    if versions[0] is None or versions[1] is None:
        unknown.append("a run made no version of the table")
        return None
    try:
        contract = lab[now.dataset].contract
        return rows_between(lab.lake, contract, (versions[0], then.session), (versions[1], now.session))
    except WorkbenchError as error:
        unknown.append(str(error))
        return None


def _findings(then: RunManifest, now: RunManifest) -> dict[str, list[dict[str, Any]]]:
    held = [{finding["id"]: finding for finding in (run.score or {}).get("findings", ())} for run in (then, now)]
    return {
        "new": [finding for name, finding in held[1].items() if name not in held[0]],
        "gone": [finding for name, finding in held[0].items() if name not in held[1]],
    }


def _compared(then: RunManifest, now: RunManifest, unknown: list[str]) -> Compared | None:
    for run in (then, now):
        if EXACT not in (run.score or {}):
            unknown.append(f"run {run.id} recorded no exact score: " + ("it has none" if run.score is None else "it is older"))
            return None
    return compare(*(score_from((run.score or {})[EXACT]) for run in (then, now)))
