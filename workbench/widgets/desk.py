"""What a reviewer has in front of them: where in the queue they are, and what a key does. No widgets here, and no browser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from workbench.figures.review import WIDTHS
from workbench.model.decisions import TAKING, Action
from workbench.model.errors import BadInput, WorkbenchError
from workbench.review.queue import Entry, Item, Progress, State, Which
from workbench.review.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import plotly.graph_objects as go

    from workbench.figures.buckets import Window
    from workbench.lab.found_context import Surroundings
    from workbench.lab.reviewing import Review
    from workbench.model.decisions import Cell

OPEN: Final = tuple(state for state in State if state.is_open)
PAGE: Final = 12
"""Entries of the queue that are shown at a time."""


class Scope(StrEnum):
    """How many findings a decision is about."""

    ONE = "this finding"
    INCIDENT = "all of its incident"
    ALL = "all that the filter chooses"


class Choice(StrEnum):
    """What a reviewer may decide, by the key for it."""

    REAL = "r"
    CORRECT = "c"
    QUARANTINE = "q"
    LATER = "l"
    NOT_THIS = "n"


PLAIN: Final = {
    Choice.REAL: Action.KEEP, Choice.QUARANTINE: Action.QUARANTINE, Choice.LATER: Action.LATER, Choice.NOT_THIS: Action.DISMISS,
}  # fmt: skip
"""Choice -> action; what a correction takes is chosen beside it."""
UNDO, APPLY, SCOPE = "u", "a", "s"
THOUSANDS: Final = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
"""A number as it is shown, with commas between thousands."""
MOVES: Final[dict[str, int]] = {"j": 1, "ArrowDown": 1, "k": -1, "ArrowUp": -1, "PageDown": PAGE, "PageUp": -PAGE}
MEMBERS: Final[dict[str, int]] = {"ArrowRight": 1, "ArrowLeft": -1}
NOTHING_LEFT: Final = "Nothing is left that the filter chooses."


@dataclass(slots=True)
class Desk:
    """A review in progress.

    Attributes
    ----------
    which
        What is shown of the queue.
    at, member
        The place in the queue, and within an incident.
    takes
        What a correction takes.
    typed
        What was typed in as a value: ``12.5``, ``close=12.5``, ``factor=100``.
    reason
        Empty: the most usual one for what is decided.
    pending
        What is to be pressed again, because it is about many findings.
    """

    review: Review
    around: Surroundings
    which: Which = field(default_factory=lambda: Which(states=OPEN))
    at: int = 0
    member: int = 0
    width: str = "near"
    takes: Action = Action.TAKE_PROPOSED
    typed: str = ""
    scope: Scope = Scope.ONE
    reason: str = ""
    note: str = ""
    message: str = ""
    pending: str = ""
    entries: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        self._read()
        self._arrive()

    @property
    def entry(self) -> Entry | None:
        """What is in front; None where nothing is left."""
        return self.entries[self.at] if self.entries else None

    @property
    def item(self) -> Item | None:
        """The finding in front."""
        return None if self.entry is None else self.entry.items[self.member]

    @property
    def page(self) -> tuple[Entry, ...]:
        """The entries around the one in front."""
        first = self.first_of_page
        return self.entries[first : first + PAGE]

    @property
    def first_of_page(self) -> int:
        """The place in the queue of the first entry that is shown."""
        return self.at // PAGE * PAGE

    @property
    def widths(self) -> tuple[str, ...]:
        """How far one may see."""
        return tuple(WIDTHS[self.review.dataset.contract.is_intraday])

    @property
    def progress(self) -> Progress:
        """How far the review is, over everything that the filter chooses, whatever its state."""
        return self.review.progress(replace(self.which, states=()))

    @property
    def chosen(self) -> list[str]:
        """The findings a decision would be about."""
        if self.item is None or self.entry is None:
            return []
        if self.scope is Scope.ALL:
            return [item.id for entry in self.entries for item in entry.items]
        items = self.entry.items if self.scope is Scope.INCIDENT else (self.item,)
        return [item.id for item in items]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What a correction would put where, for the finding in front; nothing where it cannot be done."""
        if self.item is None:
            return ()
        return self.review.remedies.cells(self.item.finding, self.takes, self.given)

    @property
    def given(self) -> Mapping[str, float] | None:
        """What was typed in, as values of columns; None where it is no number, or nothing is to be typed."""
        if self.item is None or self.takes is not Action.TAKE_GIVEN or not self.typed.strip():
            return None
        found = self.item.finding
        usual = "factor" if found.rows != 1 else next(iter(found.fields), "close")
        given: dict[str, float] = {}
        for part in self.typed.split(";"):
            name, _, number = (piece.strip() for piece in part.rpartition("="))
            plain = number.replace(",", "") if THOUSANDS.fullmatch(number) else number
            try:
                value = float(plain)
            except ValueError:
                return None
            if (name or usual) in given:
                return None
            given[name or usual] = value
        return given

    def figure(self, window: Window | None = None) -> go.Figure:
        """Draw the finding in front in its context, with what a correction would put there.

        Parameters
        ----------
        window : Window, optional
            What is looked at.

        Raises
        ------
        BadInput
            Nothing is left.
        """
        if self.item is None:
            raise BadInput(NOTHING_LEFT)
        return self.around.figure(self.item.finding, self.width, self.cells, window)

    def previews(self) -> dict[Choice, float]:
        """Return the score after decisions for each choice that can be made about the finding in front."""
        ids = self.chosen
        able = (choice for choice in Choice if choice is not Choice.LATER and self._can(choice))
        return {choice: self.review.becomes(ids, self._action(choice)) for choice in able}

    def _can(self, choice: Choice) -> bool:
        action = self._action(choice)
        given = self.given if action is Action.TAKE_GIVEN else None
        return self.item is not None and self.review.remedies.can(self.item.finding, action, given)

    def filter(self, which: Which) -> None:
        """Show another part of the queue, from its beginning."""
        self.which, self.at, self.member, self.message, self.pending = which, 0, 0, "", ""
        self._read()
        self._arrive()

    def show(self, position: int, member: int = 0) -> None:
        """Put another entry in front."""
        if self.entries:
            self.at = min(max(position, 0), len(self.entries) - 1)
            self.member = min(max(member, 0), len(self.entries[self.at].items) - 1)
            self.message = self.pending = ""
            self._arrive()

    def press(self, key: str) -> bool:
        """Do what a key stands for; return whether it stands for anything."""
        if key in MOVES:
            self.show(self.at + MOVES[key])
        elif key in MEMBERS:
            self.show(self.at, self.member + MEMBERS[key])
        elif key in ("1", "2", "3", "4"):
            self.width = self.widths[int(key) - 1]
        elif key == SCOPE:
            scopes = list(Scope)
            self.scope = scopes[(scopes.index(self.scope) + 1) % len(scopes)]
            self.pending = ""
        elif key == UNDO:
            self._guarded(self._undo)
        elif key == APPLY:
            self._guarded(self._apply)
        elif key in list(Choice):
            self.choose(Choice(key))
        else:
            return False
        return True

    def choose(self, choice: Choice) -> None:
        """Decide; about many findings only when it is chosen a second time."""
        ids = self.chosen
        if not ids:
            self.message = NOTHING_LEFT
        elif len(ids) > 1 and self.pending != choice:
            self.pending = choice
            self.message = f"This decides {len(ids):,} findings: press {choice.upper()} again to do it."
        else:
            self._guarded(lambda: self._decide(choice, ids))

    def _decide(self, choice: Choice, ids: Sequence[str]) -> None:
        action = self._action(choice)
        reason = self.reason if self.reason in REASONS[action] else REASONS[action][0]
        given = self.given if action is Action.TAKE_GIVEN else None
        taken = self.review.decide(ids, action, reason, note=self.note, given=given)
        many = f"{len(ids):,} findings" if len(ids) > 1 else "1 finding"
        told = [f"{many}: {action.value.replace('_', ' ')} ({reason})."]
        told += [f"{line.by} had decided {line.action.value}; yours is later." for line in taken.overruled[:1]]
        self.message, self.note, self.reason, self.pending, self.scope = " ".join(told), "", "", "", Scope.ONE
        before = self.item
        self._read()
        if before is not None and any(item.id == before.finding.id for entry in self.entries for item in entry.items):
            self.at = min(self.at + 1, max(len(self.entries) - 1, 0))
        self._arrive()

    def _undo(self) -> None:
        taken = self.review.undo()
        self.message = "There is nothing of this session to take back." if taken is None else f"Taken back: {len(taken.lines):,}."
        self.pending = ""
        self._read()
        if taken is not None:
            self._find(taken.lines[0].subject)
        self._arrive()

    def _apply(self) -> None:
        made = self.review.settle()
        spans = f"{len(made.written):,} stretch(es) of sessions written again" if made.written else "the tables were in line"
        self.message, self.pending = f"Applied: {spans}; the score after decisions is {self.review.score_after:.2f}.", ""
        self._read()
        self._arrive()

    def _guarded(self, do: object) -> None:
        """Say what went wrong instead of raising it into the notebook."""
        try:
            do()  # type: ignore[operator]
        except WorkbenchError as error:
            self.message, self.pending = str(error), ""

    def _action(self, choice: Choice) -> Action:
        return self.takes if choice is Choice.CORRECT else PLAIN[choice]

    def _read(self) -> None:
        self.entries = self.review.entries(self.which)
        self.at = min(self.at, max(len(self.entries) - 1, 0))
        self.member = min(self.member, len(self.entries[self.at].items) - 1) if self.entries else 0

    def _find(self, finding: str) -> None:
        for place, entry in enumerate(self.entries):
            for member, item in enumerate(entry.items):
                if item.id == finding:
                    self.at, self.member = place, member
                    return

    def _arrive(self) -> None:
        """Choose what a correction takes: the first of what can be had."""
        self.typed = ""
        if self.item is not None:
            ways = (way for way in TAKING if way is not Action.TAKE_GIVEN and self.review.remedies.can(self.item.finding, way))
            self.takes = next(ways, Action.TAKE_GIVEN)
