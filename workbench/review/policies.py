"""What a contract decides without a person: which kind, from which confidence on. Everything else waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.model.decisions import Action, Decision
from workbench.review.proposals import ABSENT

if TYPE_CHECKING:
    from workbench.model.contract import Contract, FindingPolicy
    from workbench.model.findings import Finding

STRUCTURAL: Final = frozenset({"duplicate_key", "conflicting_duplicate", "schema_drift"})
"""Rows that no reader could use; they are in quarantine from the moment they arrive."""


def decide(finding: Finding, contract: Contract) -> Decision:
    """Return what the contract says about a finding.

    Parameters
    ----------
    finding : Finding
    contract : Contract
        The first of its policies that fits decides. A policy that would take a value asks for one, for one that another
        source says where it takes the reference's, and for as much confidence that it is this data that is wrong; no
        policy decides about a finding that is provisional.

    Notes
    -----
    Nothing is done here: rows change where the ledger is applied.
    """
    for policy in contract.policies.findings:
        if _fits(policy, finding):
            below = "" if policy.below_confidence is None else f", below {policy.below_confidence:g}"
            reason = f"the contract's policy for {policy.kind} from a confidence of {policy.min_confidence:g} on{below}"
            return Decision(finding.id, policy.action, "policy", reason)
    if finding.kind in STRUCTURAL:
        return Decision(
            finding.id, Action.QUARANTINE, "default", "rows that share a key, or have no time or symbol, go to quarantine"
        )
    return Decision(finding.id, Action.REVIEW, "default", "waits for a person")


def _fits(policy: FindingPolicy, finding: Finding) -> bool:
    if policy.kind not in (finding.kind, "*") or finding.confidence < policy.min_confidence or finding.provisional:
        return False
    if policy.below_confidence is not None and finding.confidence >= policy.below_confidence:
        return False
    is_absent = finding.kind in ABSENT
    if policy.action is Action.TAKE_LAST:
        return is_absent or bool(finding.fields)
    if policy.action not in (Action.TAKE_PROPOSED, Action.TAKE_REFERENCE) or (
        is_absent and policy.action is Action.TAKE_REFERENCE
    ):
        return True
    sure = not finding.hypotheses or finding.hypotheses[0].probability >= policy.min_confidence
    return sure and finding.proposed is not None and (finding.by_reference or policy.action is Action.TAKE_PROPOSED)
