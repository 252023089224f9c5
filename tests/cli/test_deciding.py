"""A review from a script: listed, decided, taken back, applied, exported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Say, say
from tests.lab.test_decisions import BAD_DAY, damaged, row

__all__ = ["say"]


@pytest.fixture
def lab(tmp_path: Path) -> list[str]:
    damaged(tmp_path)
    return ["--lab", str(tmp_path)]


def listed(say: Say, lab: list[str], *more: str) -> dict[str, object]:
    return json.loads(say("review", "list", "mine", "--json", *more, *lab).out)


def test_a_review_without_a_browser(say: Say, lab: list[str], tmp_path: Path) -> None:
    first = listed(say, lab)
    entries = first["entries"]
    assert (first["schema"], first["decided"], first["total"]) == ("workbench.review/1", 1, 4)
    assert [entry["kind"] for entry in entries] == ["bad_tick", "missing_session", "out_of_order"]
    tick = entries[0]["id"]
    done = say(
        "review", "decide", "mine", tick[:6], "--action", "take_proposed", "--reason", "obvious error", "--by", "ann", *lab
    )
    assert done.status == 0
    assert "1 finding(s): take_proposed" in done.out
    assert [entry["id"] for entry in listed(say, lab)["entries"]] == [entry["id"] for entry in entries[1:]]
    later = say("review", "decide", "mine", tick, "--action", "quarantine", "--reason", "so", "--by", "bob", *lab)
    assert "ann had decided take_proposed" in later.out
    say("review", "undo", "mine", "--by", "bob", *lab)
    say("review", "apply", "mine", *lab)
    import workbench as wb

    assert row(wb.open(tmp_path)["mine"], BAD_DAY)["low"] == 10.0
    (held,) = listed(say, lab, "--state", "decided")["entries"]
    assert (held["decision"]["by"], held["decision"]["action"], held["state"]) == ("ann", "take_proposed", "decided")
    say("review", "export", "mine", "--to", str(tmp_path / "ledger.csv"), *lab)
    assert len((tmp_path / "ledger.csv").read_text().splitlines()) == 4
    assert len(json.loads(say("review", "export", "mine", *lab).out)["lines"]) == 3


def test_many_are_decided_after_it_was_said_how_many(say: Say, lab: list[str]) -> None:
    asked = say("review", "decide", "mine", "--action", "keep", "--reason", "so", *lab)
    assert asked.status == 2
    assert "3 findings; the score after decisions would go from" in asked.err
    assert listed(say, lab)["decided"] == 1
    done = say("review", "decide", "mine", "--action", "keep", "--reason", "so", "--severity", "medium", "--yes", "--json", *lab)
    assert {line["kind"] for line in json.loads(done.out)["lines"]} == {"bad_tick", "missing_session"}


def test_precision_is_told_once_somebody_has_decided(say: Say, lab: list[str]) -> None:
    assert "nobody has decided" in say("review", "precision", "mine", *lab).out
    say("review", "decide", "mine", "--kind", "bad_tick", "--action", "keep", "--reason", "so", *lab)
    assert "0 of     1 confirmed      0%" in say("review", "precision", "mine", *lab).out
    assert say("review", "precision", "mine", "--json", *lab).json["kinds"][0]["confirmed"] == 0


def test_findings_say_what_they_cost_and_what_stands_of_them(say: Say, lab: list[str]) -> None:
    found = json.loads(say("findings", "mine", "--json", *lab).out)["findings"]
    assert {one["state"] for one in found} == {"waiting", "policy"}
    assert found[0]["points"] == max(one["points"] for one in found)
    assert [one["kind"] for one in json.loads(say("findings", "mine", "--kind", "bad_tick", "--json", *lab).out)["findings"]] == [
        "bad_tick"
    ]
    told = say("findings", "mine", *lab).out
    assert "costs 13.44 points, waiting" in told
    assert "4 finding(s)" in told
    assert say("findings", "mine", "--strict", *lab).status == 1
    assert say("findings", "mine", "--strict", "--start", "2023-06-29", "--kind", "bad_tick", *lab).status == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("list", "mine", "--kind", "bad_tic"), "did you mean 'bad_tick'"),
        (("list", "mine", "--state", "done"), "--state done: expected one of waiting"),
        (("list", "mine", "--start", "May"), "expected a date"),
        (("decide", "mine", "ffff", "--action", "keep", "--reason", "so"), "no finding that begins with 'ffff'"),
        (("decide", "mine", "--action", "kep", "--reason", "so"), "did you mean 'keep'"),
        (("list", "mine", "--start", "2023-02-01", "--end", "2023-01-01"), "lies behind --end"),
        (
            ("decide", "mine", "--kind", "bad_tick", "--action", "keep", "--set", "low=9", "--reason", "so"),
            "given with take_given",
        ),
        (
            ("decide", "mine", "--kind", "bad_tick", "--action", "take_given", "--set", "symbol=1", "--reason", "so"),
            "is no column",
        ),
        (("decide", "mine", "--kind", "stale", "--action", "keep", "--reason", "so"), "no finding is chosen"),
        (("decide", "mine", "--kind", "bad_tick", "--action", "keep", "--reason", " "), "say why"),
        (
            ("decide", "mine", "--kind", "bad_tick", "--action", "take_given", "--set", "low", "--reason", "so"),
            "--set low: expected",
        ),
        (("decide", "mine", "--kind", "bad_tick", "--action", "keep", "--reason", "so", "--by", "policy"), "nobody's name"),
        (("undo", "mine", "--by", "ann"), "ann has decided nothing that stands"),
        (("export", "mine", "--to", "ledger.txt"), "ends in .csv or .json"),
    ],
)
def test_bad_input_is_one_clear_line(say: Say, lab: list[str], words: tuple[str, ...], told: str) -> None:
    answer = say("review", *words, *lab)
    assert answer.status == 2
    assert told in answer.err
    assert len(answer.err.strip().splitlines()) == 1
