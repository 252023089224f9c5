"""One cause is one entry, the dearest comes first, and what was decided of a finding follows it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from workbench.model.decisions import DATA, POLICY, Action, Decision, LedgerEntry
from workbench.model.findings import Finding, Incident, Severity
from workbench.review.corrections import standing
from workbench.review.queue import Item, Standing, State, Which, progress, queue

DAY = date(2024, 1, 2)
NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)
WAIT = Decision("", Action.REVIEW, "default", "waits for a person")
TICK = Finding("bad_tick", "A", DAY, DAY, 1, Severity.HIGH, 0.9, fields=("low",))


def line(by: str, action: Action, about: Finding = TICK) -> LedgerEntry:
    return LedgerEntry(NOON, by, action, "why", about.id, about.kind, about.symbol, about.start, about.end, fields=about.fields)


def item(finding: Finding, points: float, state: State = State.WAITING, source: str = "v") -> Item:
    return Item(finding.id, finding, points, state, None, source)


def test_findings_of_an_incident_are_one_entry_and_the_dearest_comes_first() -> None:
    incident = Incident("missing_session", DAY, DAY, ("A", "B", "C"), "missing_session in 3 of 3 symbols at once")
    shared = [Finding("missing_session", s, DAY, DAY, 1, Severity.HIGH, 0.9, incident=incident.id) for s in "ABC"]
    lone, cheap = (Finding("stale", s, DAY, DAY, 5, Severity.MEDIUM, 0.8) for s in "AB")
    entries = queue([item(cheap, 0.5), *(item(one, 1.0) for one in shared), item(lone, 2.5)], [incident])
    assert [len(entry.findings) for entry in entries] == [3, 1, 1]
    assert entries[0].incident == incident
    assert entries[0].symbols == ("A", "B", "C")
    assert (entries[0].points, entries[1].worst, entries[2].worst) == (3.0, lone, cheap)


def test_of_two_that_cost_the_same_the_surer_one_comes_first() -> None:
    doubted, sure = replace(TICK, confidence=0.5), replace(TICK, symbol="B", confidence=0.95)
    assert [entry.worst for entry in queue([item(doubted, 1.0), item(sure, 1.0)], [])] == [sure, doubted]


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        (Which(), "AB"),
        (Which(kinds=("stale",)), "B"),
        (Which(symbols=("A",)), "A"),
        (Which(start=date(2024, 1, 5)), "B"),
        (Which(end=date(2024, 1, 3)), "A"),
        (Which(severity=Severity.HIGH), "A"),
        (Which(sources=("w",)), "B"),
        (Which(states=(State.DECIDED,)), "B"),
    ],
)
def test_a_filter_takes_what_it_says(which: Which, wanted: str) -> None:
    there = [
        item(TICK, 1.0),
        item(Finding("stale", "B", date(2024, 1, 4), date(2024, 1, 9), 4, Severity.LOW, 0.8), 1.0, State.DECIDED, "w"),
    ]
    assert "".join(one.finding.symbol for one in there if which.wants(one)) == wanted


def test_progress_counts_what_is_open_and_what_that_costs() -> None:
    far = progress([item(TICK, 1.5), item(TICK, 2.0, State.LATER), item(TICK, 4.0, State.DECIDED), item(TICK, 8.0, State.POLICY)])
    assert (far.decided, far.total, far.points_left) == (2, 4, 3.5)
    assert str(far) == "2 of 4 decided, 3.50 points left"


def stand_of(*lines: LedgerEntry, about: Finding = TICK, before: dict[str, LedgerEntry] | None = None) -> State:
    return Standing(standing(lines), before or {}).of(about.id, about, WAIT)[0]


def test_the_state_of_a_finding_is_what_stands_of_it() -> None:
    assert stand_of() is State.WAITING
    assert stand_of(line("ann", Action.KEEP)) is State.DECIDED
    assert stand_of(line("ann", Action.LATER)) is State.LATER
    assert stand_of(line(POLICY, Action.QUARANTINE)) is State.POLICY
    assert stand_of(before={TICK.id: line("ann", Action.KEEP)}) is State.CHANGED


def test_a_finding_that_grew_asks_again_and_one_beside_it_does_not() -> None:
    grown = replace(TICK, end=date(2024, 1, 4))
    assert stand_of(line("ann", Action.KEEP), about=grown) is State.CHANGED
    assert stand_of(line("ann", Action.KEEP), about=replace(grown, start=date(2024, 1, 3))) is State.WAITING
    assert stand_of(line("ann", Action.KEEP), about=replace(grown, fields=("high",))) is State.WAITING
    assert stand_of(line(POLICY, Action.KEEP), about=grown) is State.WAITING


def test_who_takes_back_takes_back_their_own_word() -> None:
    ann, bob = line("ann", Action.KEEP), line("bob", Action.QUARANTINE)
    assert standing([ann, bob])[TICK.id].by == "bob"
    assert standing([ann, bob, line("bob", Action.WITHDRAW)])[TICK.id].by == "ann"
    assert standing([ann, bob, line("ann", Action.WITHDRAW)])[TICK.id].by == "bob"
    assert standing([ann, bob, ann])[TICK.id].by == "ann"
    assert not standing([ann, line("ann", Action.WITHDRAW)])
    assert not standing([ann, bob, line(DATA, Action.WITHDRAW)])
