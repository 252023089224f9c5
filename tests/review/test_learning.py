"""Decisions teach how often a kind was right, and which threshold would have missed nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest

from workbench.model.contract import parse_contract
from workbench.model.decisions import POLICY, Action, LedgerEntry
from workbench.model.errors import BadInput
from workbench.model.findings import Finding, Severity
from workbench.review.learning import learn
from workbench.review.policies import decide

NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)
FIRST = date(2024, 1, 1)
SURE = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FINDINGS = [
    Finding("bad_tick", "A", FIRST + timedelta(days=n), FIRST + timedelta(days=n), 1, Severity.HIGH, confidence)
    for n, confidence in enumerate(SURE)
]


def line(about: Finding, action: Action, by: str = "ann") -> LedgerEntry:
    return LedgerEntry(NOON, by, action, "why", about.id, about.kind, about.symbol, confidence=about.confidence)


REFUTED = [line(one, Action.KEEP) for one in FINDINGS[:3]]
CONFIRMED = [
    line(one, action) for one, action in zip(FINDINGS[3:], (Action.QUARANTINE, *[Action.TAKE_PROPOSED] * 2), strict=True)
]


def test_precision_is_the_share_that_persons_confirmed() -> None:
    others = [line(FINDINGS[0], Action.LATER, "bob"), line(FINDINGS[0], Action.QUARANTINE, POLICY)]
    (row,) = learn(FINDINGS, [*REFUTED, *CONFIRMED, *others]).kinds.to_dicts()
    assert (row["kind"], row["judged"], row["confirmed"], row["precision"]) == ("bad_tick", 6, 3, 0.5)
    assert 0.1 < row["low"] < 0.5 < row["high"] < 0.9


def test_a_threshold_says_how_many_fewer_and_what_it_would_have_missed() -> None:
    told = {row["threshold"]: row for row in learn(FINDINGS, [*REFUTED, *CONFIRMED]).thresholds.to_dicts()}
    assert [(told[at]["fewer"], told[at]["spared"], told[at]["missed"]) for at in (0.3, 0.65, 0.75)] == [
        (0, 0, 0),
        (3, 3, 0),
        (4, 3, 1),
    ]


def test_what_if_is_a_sentence() -> None:
    lessons = learn(FINDINGS, [*REFUTED, *CONFIRMED])
    assert lessons.what_if("bad_tick", 0.67) == (
        "with a threshold of 0.65 for bad_tick you would have had 3 fewer findings, and missed none that you confirmed"
    )
    assert "and missed 1 that" in lessons.what_if("bad_tick", 0.75)
    with pytest.raises(BadInput, match="expected one of bad_tick"):
        lessons.what_if("stale", 0.8)


def test_a_proposal_is_a_policy_that_asks_no_more_about_what_was_never_right() -> None:
    (proposal,) = learn(FINDINGS, [*REFUTED, *CONFIRMED]).proposals()
    contract = parse_contract(f'dataset = "x"\n{proposal}', origin="proposal")
    assert [decide(finding, contract).action for finding in FINDINGS] == [Action.KEEP] * 3 + [Action.REVIEW] * 3


def test_few_decisions_propose_nothing() -> None:
    assert learn(FINDINGS, REFUTED).proposals() == []
    assert learn(FINDINGS, []).kinds.is_empty()
