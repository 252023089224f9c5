"""The review widget: a queue at the left, the finding in its context at the right, one key for each decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from workbench.figures.live import LiveFigure, stretcher
from workbench.figures.theme import alt_of
from workbench.model.decisions import TAKING, Action
from workbench.model.findings import Severity
from workbench.review.queue import State
from workbench.review.reasons import REASONS
from workbench.widgets import review_html as html
from workbench.widgets.desk import APPLY, MEMBERS, MOVES, NOTHING_LEFT, OPEN, SCOPE, UNDO, Choice, Desk, Scope
from workbench.widgets.listing import listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from workbench.review.queue import Entry, Item, Which

EVERY: Final = "all"
BUTTONS: Final = {
    Choice.REAL: ("Real", "the value is right: leave it as it is", ""),
    Choice.CORRECT: ("Correct", "put the value drawn as a ghost in its place", "success"),
    Choice.QUARANTINE: ("Quarantine", "leave the rows out of the processed table", "warning"),
    Choice.LATER: ("Later", "leave it in the queue, and say so", ""),
    Choice.NOT_THIS: ("Not this", "whatever it is, it is no problem of this kind", ""),
}
TAKEN: Final = {
    Action.TAKE_PROPOSED: "proposed value", Action.TAKE_REFERENCE: "another source's", Action.TAKE_LAST: "last good value",
    Action.TAKE_GIVEN: "typed in",
}  # fmt: skip
STATES: Final = {"open": OPEN, **{state.value: (state,) for state in State}, EVERY: ()}
TEXTS: Final = ("progress", "place", "header", "alt", "what", "values", "sent", "previews", "message")
KEYS: Final = (*MOVES, *MEMBERS, *"1234", SCOPE, UNDO, APPLY, *(choice.value for choice in Choice))


class ReviewView:
    """A desk, shown.

    Parameters
    ----------
    desk : Desk

    Attributes
    ----------
    widget
        What JupyterLab shows.
    """

    def __init__(self, desk: Desk) -> None:
        import ipywidgets

        self.desk = desk
        self._is_drawing = False
        self.listing = listing(list(KEYS)).add_class("wb-queue")
        self._chart: LiveFigure | None = None
        self._canvas = ipywidgets.VBox().add_class("wb-canvas")
        self._texts = {name: ipywidgets.HTML() for name in TEXTS}
        self._texts["message"].add_class("wb-message")
        self._inputs = self._make_inputs()
        self.widget = ipywidgets.HBox([self._side(), self._main()]).add_class("wb-review")
        self.listing.observe(lambda change: self._pick(change["new"]["value"]), names="picked")
        self.listing.observe(lambda change: self._press(change["new"]["value"]), names="pressed")
        self._draw()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = self.widget._repr_mimebundle_(**kwargs)
        return {**shown, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Review of {self.desk.review.dataset.name}: {self.desk.progress}"

    def _make_inputs(self) -> dict[str, Any]:
        """Make everything a reviewer may choose or type."""
        import ipywidgets

        items = self.desk.review.items
        kinds, symbols, sources = (
            sorted({value for item in items if (value := of(item))}) for of in (_kind, _symbol, lambda item: item.source)
        )
        narrow = {"width": "132px"}
        made: dict[str, Any] = {
            "kind": _menu([EVERY, *kinds], "kind", narrow),
            "symbol": _menu([EVERY, *symbols], "symbol", narrow),
            "severity": _menu([severity.value for severity in Severity], "at least", narrow),
            "state": _menu(list(STATES), "state", narrow),
            "source": _menu([EVERY, *sources], "source", narrow),
            "span": ipywidgets.Text(placeholder="days: 2012-03", layout=narrow, continuous_update=False, tooltip="days"),
            "width": ipywidgets.ToggleButtons(options=[f"{name} [{at}]" for at, name in enumerate(self.desk.widths, 1)]),
            "takes": ipywidgets.Dropdown(options=[(words, action) for action, words in TAKEN.items()], layout={"width": "136px"}),
            "typed": ipywidgets.Text(placeholder="close=12.5", layout={"width": "110px"}, continuous_update=False),
            "reason": ipywidgets.Dropdown(options=[("the usual reason", ""), *_reasons()], layout={"width": "156px"}),
            "note": ipywidgets.Text(placeholder="a note", layout={"flex": "1 1 100px", "width": "auto"}),
            "scope": ipywidgets.Dropdown(options=[(scope.value, scope) for scope in Scope], layout={"width": "156px"}),
        }
        for name in ("kind", "symbol", "severity", "state", "source", "span"):
            made[name].observe(lambda _: self._filter(), names="value")
        for name in ("takes", "typed", "reason", "note", "scope", "width"):
            made[name].observe(lambda _: self._take(), names="value")
        made["width"].add_class("wb-widths")
        return made

    def _side(self) -> Any:
        import ipywidgets

        pairs = (("kind", "symbol"), ("state", "severity"), ("source", "span"))
        filters = [ipywidgets.HBox([self._inputs[name] for name in pair]) for pair in pairs]
        return ipywidgets.VBox([self._texts["progress"], *filters, self.listing, self._texts["place"]]).add_class("wb-side")

    def _main(self) -> Any:
        import ipywidgets

        facts = ipywidgets.HBox([self._texts[name] for name in ("what", "values", "sent")]).add_class("wb-facts-row")
        names = ("takes", "typed", "reason", "scope", "note")
        controls = ipywidgets.HBox([self._inputs[name] for name in names]).add_class("wb-controls")
        buttons = [self._button(f"{label} [{choice.upper()}]", tip, style, choice.value) for choice, (label, tip, style) in
                   BUTTONS.items()]  # fmt: skip
        buttons.append(self._button("Undo [U]", "take back what was decided last", "", UNDO))
        buttons.append(self._button("Apply [A]", "put all decisions into the tables", "primary", APPLY))
        row = ipywidgets.HBox(buttons).add_class("wb-buttons")
        texts = self._texts
        parts = [
            texts["header"],
            self._inputs["width"],
            self._canvas,
            texts["alt"],
            facts,
            controls,
            row,
            texts["previews"],
            texts["message"],
        ]
        return ipywidgets.VBox(parts).add_class("wb-main")

    def _button(self, label: str, tip: str, style: str, key: str) -> Any:
        import ipywidgets

        made = ipywidgets.Button(description=label, tooltip=tip, button_style=style)
        made.on_click(lambda _: self._press(key))
        return made

    def _press(self, key: str) -> None:
        if self.desk.press(key):
            self._draw()

    def _pick(self, finding: str) -> None:
        first = self.desk.first_of_page
        place = next((at for at, entry in enumerate(self.desk.page) if entry.items[0].id == finding), None)
        if place is not None:
            self.desk.show(first + place)
            self._draw()

    def _filter(self) -> None:
        if not self._is_drawing:
            which = self._which()
            if which is not None:
                self.desk.filter(which)
            self._draw()

    def _which(self) -> Which | None:
        """Return what the menus choose; None where the days cannot be read."""
        kind, symbol, source = (self._inputs[name].value for name in ("kind", "symbol", "source"))
        days = _days(self._inputs["span"].value)
        if days is None:
            self.desk.message = "Days are written 2012-03-01 .. 2012-04-30; a month or a year alone will do."
            return None
        return replace(
            self.desk.which,
            kinds=() if kind == EVERY else (kind,),
            symbols=() if symbol == EVERY else (symbol,),
            sources=() if source == EVERY else (source,),
            severity=Severity(self._inputs["severity"].value),
            states=STATES[self._inputs["state"].value],
            start=days[0],
            end=days[1],
        )

    def _take(self) -> None:
        """Take over what was chosen for the next decision."""
        if self._is_drawing:
            return
        desk, chosen = self.desk, {name: self._inputs[name].value for name in ("takes", "typed", "reason", "note", "scope")}
        desk.takes = Action.TAKE_GIVEN if chosen["typed"].strip() and chosen["typed"] != desk.typed else chosen["takes"]
        desk.typed, desk.reason, desk.note, desk.scope = chosen["typed"], chosen["reason"], chosen["note"], chosen["scope"]
        desk.width, desk.pending = desk.widths[self._inputs["width"].index or 0], ""
        self._draw()

    def _draw(self) -> None:
        """Show what is on the desk."""
        self._is_drawing = True
        try:
            self._draw_side()
            if self.desk.entry is None or self.desk.item is None:
                self._draw_nothing()
            else:
                self._draw_finding(self.desk.entry, self.desk.item)
            self._texts["message"].value = html.text(self.desk.message, 200)
        finally:
            self._is_drawing = False

    def _draw_side(self) -> None:
        desk, review = self.desk, self.desk.review
        self._texts["progress"].value = html.progress(desk.progress, review.score, review.score_after)
        self.listing.rows = [html.entry_row(entry, desk.around.zone) for entry in desk.page]
        self._texts["place"].value = html.place(desk.first_of_page, len(desk.page), len(desk.entries))
        self.listing.selected = desk.entry.items[0].id if desk.entry else ""

    def _draw_nothing(self) -> None:
        for name in ("alt", "what", "values", "sent", "previews"):
            self._texts[name].value = ""
        self._texts["header"].value = f"<div class='wb-head'><b>{NOTHING_LEFT}</b></div>"
        self._canvas.children = ()

    def _draw_finding(self, entry: Entry, item: Item) -> None:
        desk, texts = self.desk, self._texts
        found, cells = item.finding, desk.cells
        texts["header"].value = html.header(entry, item, desk.member, desk.around.zone)
        texts["what"].value = html.hypotheses(found)
        texts["values"].value = html.values(found, desk.around.values(found), cells, desk.around.elsewhere(found))
        texts["sent"].value = html.sent(desk.around.sent(found))
        named = {BUTTONS[choice][0].lower(): score for choice, score in desk.previews().items()}
        texts["previews"].value = html.previews(named, desk.review.score_after)
        self._draw_chart()
        for name in ("takes", "typed", "reason", "note", "scope"):
            self._inputs[name].value = getattr(desk, name)
        self._inputs["width"].index = desk.widths.index(desk.width)

    def _draw_chart(self) -> None:
        if self._chart is None:
            self._chart = LiveFigure(self.desk.figure)
        else:
            self._chart.redraw()
        self._texts["alt"].value = html.alternative(alt_of(self._chart.widget))
        if not self._canvas.children:
            self._canvas.children = (self._chart.widget, stretcher())


def _menu(options: Sequence[str], tip: str, layout: dict[str, str]) -> Any:
    import ipywidgets

    shown = [(f"{tip}: {option.replace('_', ' ')}", option) for option in options]
    return ipywidgets.Dropdown(options=shown, value=options[0], tooltip=tip, layout=layout)


def _reasons() -> list[tuple[str, str]]:
    every = [reason for action, reasons in REASONS.items() if action not in TAKING[1:] for reason in reasons]
    return [(reason, reason) for reason in dict.fromkeys(every)]


def _kind(item: Any) -> str:
    return str(item.finding.kind)


def _symbol(item: Any) -> str:
    return str(item.finding.symbol)


def _days(typed: str) -> tuple[date | None, date | None] | None:
    """Read days such as ``2012-03 .. 2012-04-10``, a month or a year standing for all of its days; None where they are none."""
    from pandas import Period

    first, _, last = (part.strip() for part in typed.partition(".."))
    try:
        return Period(first).start_time.date() if first else None, Period(
            last or first
        ).end_time.date() if typed.strip() else None
    except ValueError:
        return None
