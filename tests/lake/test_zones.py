"""Names that are safe as paths, whatever a vendor calls a thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.lake import Lake, TableRef, Zone, safe_name
from workbench.model.errors import BadInput

HOSTILE = [
    "",
    ".",
    "..",
    "../../x",
    "<script>",
    "=cmd()",
    "BRK/B",
    "^GSPC",
    "a" * 10_000,
    "\0",
    "\ud800",
    "ÄÖ",
    "NUL",
    "CON.X",
    "X.",
    "A\n",
]


@pytest.mark.parametrize("text", ["AAPL", "BRK.B", "ES-Z4", "007", "1E5", "BTC_USD"])
def test_ordinary_symbols_stay_as_they_are(text: str) -> None:
    assert safe_name(text) == text


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
def test_hostile_text_becomes_one_plain_segment(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", safe_name(text))


def test_names_differ_where_file_systems_fold_case() -> None:
    names = [safe_name(text) for text in ("aapl", "AAPL", "Aapl", "BRK.B", "BRK_B", *HOSTILE)]
    assert len({name.lower() for name in names}) == len(names)


@given(st.text(), st.text())
def test_different_texts_have_different_names(one: str, other: str) -> None:
    assert (safe_name(one).lower() == safe_name(other).lower()) == (one == other)


@given(st.text())
def test_a_made_name_is_never_taken_for_one_that_was_kept(text: str) -> None:
    name = safe_name(text)
    assert name == text or safe_name(name.upper()) != name.upper()


def test_tables_lie_in_their_zones() -> None:
    lake = Lake(Path("/lake"))
    assert lake.path(TableRef.processed("us_equities")) == Path("/lake/processed/us_equities")
    assert lake.path(TableRef.derived("returns", "us_equities")) == Path("/lake/derived/returns/us_equities")
    assert lake.path(TableRef.quarantine("us_equities")) == Path("/lake/quarantine/us_equities")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "x\n", "a" * 65])
def test_a_dataset_that_no_contract_could_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="expected a name"):
        TableRef.processed(name)


def test_create_makes_all_zones_and_may_be_repeated(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "a" / "b").create().create()
    assert all(lake.zone(zone).is_dir() for zone in Zone)
