"""One cause is one entry, and the worst comes first."""

from datetime import date

from workbench.model.findings import Finding, Incident, Severity
from workbench.review.queue import queue

DAY = date(2024, 1, 2)


def test_findings_of_an_incident_are_one_entry() -> None:
    incident = Incident("missing_session", DAY, DAY, ("A", "B", "C"), "missing_session in 3 of 3 symbols at once")
    shared = [Finding("missing_session", s, DAY, DAY, 1, Severity.HIGH, 0.9, incident=incident.id) for s in "ABC"]
    lone = Finding("stale", "A", DAY, DAY, 5, Severity.MEDIUM, 0.8)
    entries = queue([*shared, lone], [incident])
    assert [len(entry.findings) for entry in entries] == [3, 1]
    assert entries[0].incident == incident
    assert entries[0].symbols == ("A", "B", "C")
    assert entries[1].worst == lone
