"""What is different between two runs, in lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 12


def difference_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield what ``workbench audit diff`` prints."""
    runs = document["runs"]
    named = " and ".join(f"run {run['run']} of {run['session']}" for run in (runs["before"], runs["after"]))
    yield f"{document['dataset']}: {named}"
    yield from _score(document["score"])
    yield from _findings(document["findings"])
    yield from _rows(document["rows"])
    yield f"Arrivals: {len(document['arrivals']['new'])} more, {len(document['arrivals']['gone'])} fewer"
    for title, name in (("Parameters", "parameters"), ("Libraries", "environment")):
        pairs = (f"{key}: {before} to {after}" for key, (before, after) in document[name].items())
        yield f"{title}: {'; '.join(pairs) or 'the same'}"
    yield from _contract(document["contract"])
    for title, name in (("Code", "code"), ("Stage notebooks", "notebooks")):
        files = document[name]
        yield f"{title}: " + ("not known" if files is None else _some([f"{n} {w}" for n, w in files.items()]) or "the same")
    yield from (f"Not known: {line}" for line in document["unknown"])


def _score(score: dict[str, Any] | None) -> Iterator[str]:
    if score is None:
        yield "Score: not known of both"
        return
    yield f"Score: {score['before']:.2f} to {score['after']:.2f}, {score['change']:+.2f} points"
    for row in score["checks"]:
        yield f"  {row['points']:+8.4f}  {row['check']}: errors {row['errors']:+.4f}, weights and coverage {row['rest']:+.4f}"


def _findings(findings: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    for word in ("new", "gone"):
        yield f"Findings {word}: {len(findings[word]):,}"
        yield from (f"  {f['severity']:<8} {f['kind']} {f['symbol']} {f['start']}" for f in findings[word][:MOST])


def _rows(rows: dict[str, Any] | None) -> Iterator[str]:
    if rows is None:
        yield "Rows: not known of both"
        return
    yield f"Rows: {rows['added']:,} added, {rows['removed']:,} removed, {rows['changed']:,} changed"
    yield from (f"  {c['symbol']} {c['event_at']} {c['field']}: {c['before']} to {c['after']}" for c in rows["cells"][:MOST])


def _contract(lines: list[str] | None) -> Iterator[str]:
    yield "Contract: " + ("not known" if lines is None else "another" if lines else "the same")
    yield from (f"  {line}" for line in (lines or ())[2 : 2 + MOST])


def _some(words: list[str]) -> str:
    return ", ".join(words[:MOST]) + (f" and {len(words) - MOST} more" if len(words) > MOST else "")
