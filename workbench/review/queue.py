"""What a person is asked to look at first: one entry for each cause, the dearest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.model.findings import Finding, Incident


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to decide on: a finding, or an incident with all of its findings."""

    findings: tuple[Finding, ...]
    incident: Incident | None = None

    @property
    def worst(self) -> Finding:
        """The finding that stands for the entry."""
        return self.findings[0]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Whom it concerns."""
        return tuple(dict.fromkeys(finding.symbol for finding in self.findings))


def queue(findings: Sequence[Finding], incidents: Sequence[Incident]) -> tuple[Entry, ...]:
    """Fold findings of one incident into one entry.

    Parameters
    ----------
    findings : sequence of Finding
        Worst first; the order is kept.
    incidents : sequence of Incident

    Returns
    -------
    tuple of Entry
        Worst first.
    """
    known = {incident.id: incident for incident in incidents}
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.incident or finding.id, []).append(finding)
    return tuple(Entry(tuple(group), known.get(key)) for key, group in groups.items())
