"""The raw zone: written once, told by receipts, verified on reading."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from workbench.lake import Lake, publish, read_raw, receipts
from workbench.lake.receipt_json import parse_receipt, receipt_json
from workbench.model.errors import BadInput, LakeBroken
from workbench.model.receipts import Receipt

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2024, 3, 4, 23, 30, tzinfo=UTC)


def receipt_for(payload: bytes, name: str = "prices.csv", received_at: datetime = MOMENT, source: str = "vendor") -> Receipt:
    digest = sha256(payload).hexdigest()
    first = date(2024, 3, 1)
    return Receipt(digest[:16], "bars", source, name, "", received_at, digest, len(payload), 3, 1, first, None, {"A": 2})


def files(lake: Lake) -> list[Path]:
    return sorted(path for path in lake.root.rglob("*") if path.is_file())


def test_real_bytes_come_back_as_they_were(lake: Lake, sample: Path) -> None:
    payload = sample.read_bytes()
    recorded, is_new = publish(lake, payload, receipt_for(payload, sample.name))
    assert is_new
    assert recorded.path == f"raw/vendor/bars/2024/03/04/{recorded.id}-stocks.csv.gz"
    assert receipts(lake, "bars") == (recorded,)
    assert read_raw(lake, recorded) == payload
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o444 for path in files(lake))


def test_the_same_bytes_are_one_arrival(lake: Lake) -> None:
    first, _ = publish(lake, b"x", receipt_for(b"x"))
    before = {path: path.stat().st_mtime_ns for path in files(lake)}
    again = receipt_for(b"x", "other.csv", MOMENT + timedelta(days=3), source="second")
    assert publish(lake, b"x", again) == (first, False)
    assert {path: path.stat().st_mtime_ns for path in files(lake)} == before


def test_writers_at_once_with_the_same_bytes_make_one_arrival(lake: Lake) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: publish(lake, b"x", receipt_for(b"x")), range(8)))
    assert sum(is_new for _, is_new in outcomes) == 1
    assert len(files(lake)) == 2


def test_receipts_are_ordered_by_arrival_then_id(lake: Lake) -> None:
    for payload, hours in ((b"late", 5), (b"b", 0), (b"a", 0)):
        publish(lake, payload, receipt_for(payload, received_at=MOMENT + timedelta(hours=hours)))
    found = receipts(lake, "bars")
    assert [(r.received_at, r.id) for r in found] == sorted((r.received_at, r.id) for r in found)
    assert found[-1].sha256 == sha256(b"late").hexdigest()
    assert receipts(lake, "other") == ()


def test_bytes_without_receipt_are_no_arrival(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", power_cut)
        with pytest.raises(KeyboardInterrupt):
            publish(lake, b"x", receipt_for(b"x"))
    assert len(files(lake)) == 1
    assert receipts(lake, "bars") == ()
    recorded, is_new = publish(lake, b"x", receipt_for(b"x"))
    assert is_new
    assert read_raw(lake, recorded) == b"x"


def test_tampering_is_seen_and_the_file_named(lake: Lake) -> None:
    recorded, _ = publish(lake, b"close,1.00", receipt_for(b"close,1.00"))
    path = lake.root / recorded.path
    path.chmod(0o644)
    path.write_bytes(b"close,9.00")
    with pytest.raises(LakeBroken, match=path.name):
        read_raw(lake, recorded)
    path.unlink()
    with pytest.raises(LakeBroken, match="missing"):
        read_raw(lake, recorded)


def test_a_receipt_that_points_outside_of_the_raw_zone_is_not_followed(lake: Lake) -> None:
    (lake.root / "secret").write_bytes(b"x")
    with pytest.raises(LakeBroken, match="raw zone"):
        read_raw(lake, replace(receipt_for(b"x"), path="raw/../secret"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other/1"}'])
def test_a_broken_receipt_is_named(lake: Lake, text: str) -> None:
    recorded, _ = publish(lake, b"x", receipt_for(b"x"))
    path = lake.root / f"{recorded.path}.receipt.json"
    path.chmod(0o644)
    path.write_text(text)
    with pytest.raises(LakeBroken, match=path.name):
        receipts(lake, "bars")


@pytest.mark.parametrize("name", ["", "../../x.csv", "<script>", "\0", "a" * 10_000 + ".csv", "x.receipt.json", "X.Receipt.JSON"])
def test_any_file_name_is_put_where_it_belongs(lake: Lake, name: str) -> None:
    recorded, _ = publish(lake, b"x", receipt_for(b"x", name))
    assert recorded.name == name
    assert (lake.root / recorded.path).parent == lake.root / "raw/vendor/bars/2024/03/04"
    assert receipts(lake, "bars") == (recorded,)
    assert read_raw(lake, recorded) == b"x"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "0" * 64},
        {"id": "0" * 16},
        {"size_bytes": 7},
        {"dataset": "../x"},
        {"source": "A"},
        {"received_at": MOMENT.replace(tzinfo=None)},
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(lake: Lake, wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        publish(lake, b"x", replace(receipt_for(b"x"), **wrong))  # type: ignore[arg-type]
    assert files(lake) == []


def test_a_receipt_survives_json() -> None:
    receipt = replace(receipt_for(b"x"), name="Ä \ud800.csv", last=date(2024, 3, 4))
    assert parse_receipt(receipt_json(receipt), origin="here") == receipt
