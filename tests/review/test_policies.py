"""What a contract decides about findings, and what waits."""

from datetime import date

import pytest

from workbench.model.contract import parse_contract
from workbench.model.decisions import Action
from workbench.model.errors import BadInput
from workbench.model.findings import Finding, Severity
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


def found(kind: str, confidence: float, *, proposed: dict[str, object] | None = None, provisional: bool = False) -> Finding:
    day = date(2024, 3, 1)
    return Finding(kind, "A", day, day, 1, Severity.HIGH, confidence, proposed=proposed, provisional=provisional)


@pytest.mark.parametrize(
    ("finding", "action", "by"),
    [
        (found("bad_tick", 0.95, proposed={"low": 1.0}), Action.TAKE_REFERENCE, "policy"),
        (found("bad_tick", 0.95), Action.REVIEW, "default"),
        (found("bad_tick", 0.85, proposed={"low": 1.0}), Action.REVIEW, "default"),
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
