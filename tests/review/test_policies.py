"""What a contract decides about findings, and what waits."""

from datetime import date

import pytest

from workbench.model.contract import parse_contract
from workbench.model.decisions import Action
from workbench.model.errors import BadInput
from workbench.model.findings import Finding, Hypothesis, Severity
from workbench.review.policies import decide

CONTRACT = """
dataset = "x"
[[policies.findings]]
kind = "bad_tick"
action = "take_reference"
min_confidence = 0.9
[[policies.findings]]
kind = "*"
action = "quarantine"
min_confidence = 0.99
"""


def found(
    kind: str, confidence: float, *, by_reference: bool | None = None, provisional: bool = False, wrong: float = 0.99
) -> Finding:
    day = date(2024, 3, 1)
    claims = (Hypothesis("this_source_wrong", wrong, ""), Hypothesis("reference_wrong", 1 - wrong, ""))
    proposed = None if by_reference is None else {"low": 1.0}
    return Finding(
        kind, "A", day, day, 1, Severity.HIGH, confidence, proposed=proposed, by_reference=bool(by_reference),
        provisional=provisional, hypotheses=claims,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("finding", "action", "by"),
    [
        (found("bad_tick", 0.95, by_reference=True), Action.TAKE_REFERENCE, "policy"),
        (found("bad_tick", 0.95, by_reference=False), Action.REVIEW, "default"),  # neighbours are no other source
        (found("bad_tick", 0.95, by_reference=True, wrong=0.55), Action.REVIEW, "default"),  # they differ; who is right is open
        (found("bad_tick", 0.95), Action.REVIEW, "default"),
        (found("bad_tick", 0.85, by_reference=True), Action.REVIEW, "default"),
        (found("unit_switch", 0.995), Action.QUARANTINE, "policy"),
        (found("unit_switch", 0.995, provisional=True), Action.REVIEW, "default"),
        (found("conflicting_duplicate", 0.5), Action.QUARANTINE, "default"),
        (found("stale", 0.9), Action.REVIEW, "default"),
    ],
)
def test_the_first_policy_that_fits_decides_and_all_else_waits(finding: Finding, action: Action, by: str) -> None:
    decision = decide(finding, parse_contract(CONTRACT, origin="x.toml"))
    assert (decision.finding, decision.action, decision.by) == (finding.id, action, by)
    assert decision.reason


def test_an_action_that_is_none_is_told() -> None:
    with pytest.raises(BadInput, match="review"):
        parse_contract(CONTRACT.replace("quarantine", "repair"), origin="x.toml")


def test_a_kind_that_is_none_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(BadInput, match=r"policies\.findings\.0\.kind.*did you mean 'bad_tick'"):
        parse_contract(CONTRACT.replace('"bad_tick"', '"bad_tik"'), origin="x.toml")
