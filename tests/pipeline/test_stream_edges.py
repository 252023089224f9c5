"""Feeds at their edges: lines that no one expects, answers that are lost, others who write at the same time."""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.feeds import MINUTES, OPENS_AT, bars, changed, redis_server, trades, write
from tests.pipeline.test_stream import batch, followed, lab, rows
from workbench.ingest.feeds.opening import open_feed
from workbench.lab.lab import Lab, open_lab
from workbench.lake import receipts
from workbench.model.errors import BadInput, Transient
from workbench.pipeline.streaming import Ending, follow

__all__ = ["batch", "lab"]
redis = pytest.importorskip("redis")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


def as_made_again(lab: Lab, dataset: str = "minutes") -> bool:
    """Whether rows made again from the raw zone are the rows that are there."""
    before = rows(lab, dataset).sort("symbol", "event_at", "close" if dataset == "minutes" else "size")
    lab[dataset].transform()
    after = rows(lab, dataset).sort("symbol", "event_at", "close" if dataset == "minutes" else "size")
    return before.equals(after.select(before.columns))


def said_by(lab: Lab, contract: str, name: str = "minutes") -> Lab:
    (lab.root / "contracts" / f"{name}.toml").write_text(contract)
    return open_lab(lab.root)


BAD = [
    changed(bars(1)[0], volume=int("1" + "0" * 400)),
    changed(bars(1)[0], time="9999-12-31T23:59:59Z"),
    changed(bars(1)[0], time="2199-12-31T23:59:59Z"),
    '{"\\ud800": 1, "symbol": "\\ud800"}',
    '{"time": "heartbeat"}',
    "[" * 2000,
    "NaN",
]


def test_no_line_takes_another_with_it(lab: Lab, tmp_path: Path) -> None:
    for number, line in enumerate(BAD):
        done = followed(lab, write(tmp_path / f"{number}.jsonl", [*bars(5, (f"S{number}",)), line]))
        assert (done.new, sum(done.rejected.values())) == (5, 1), line
    assert len(lab["minutes"].quarantined()) == len(BAD)
    assert as_made_again(lab)


def test_keys_mean_what_they_mean_by_themselves(lab: Lab, tmp_path: Path) -> None:
    lines = [line.replace('"time"', '"ts"') for line in bars(10)]
    done = followed(lab, write(tmp_path / "feed.jsonl", [*lines[:7], '{"time": "2024-03-04T14:30:00Z"}', *lines[7:]]))
    assert (done.new, done.rejected) == (20, {"rejected_event:symbol_missing": 1})


def test_an_answer_that_is_lost_is_asked_for_again(lab: Lab, server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    client, lines = redis.Redis(port=server), trades(40)
    real, lost = redis.Redis.xreadgroup, []

    def losing(self: Any, *args: Any, **options: Any) -> Any:
        answer = real(self, *args, **options)
        if answer and answer[0][1] and not lost:
            lost.append(answer)
            raise redis.exceptions.ConnectionError("the answer was lost")
        return answer

    for line in lines:
        client.xadd("lossy", {"data": line})
    (lab.root / "workbench.toml").write_text("[retries]\nfirst_wait_seconds = 0.01\n")
    monkeypatch.setattr(redis.Redis, "xreadgroup", losing)
    done = followed(open_lab(lab.root), f"redis://127.0.0.1:{server}/0?stream=lossy", "trades")
    assert (len(lost), done.new, client.xpending("lossy", "workbench_trades")["pending"]) == (1, 40, 0)


def test_whoever_makes_rows_at_the_same_time_loses_none(lab: Lab, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.jsonl", bars(1))
    stop = threading.Event()
    feed = open_feed(str(path), root=Path(), dataset="minutes")
    thread = threading.Thread(target=lambda: follow(lab, lab["minutes"], feed, Ending(stop.is_set), judges=False))
    thread.start()
    for end in range(2, 14):
        write(path, bars(end))
        time.sleep(0.1)
        if end > 4:
            lab["minutes"].transform()
    time.sleep(1.2)
    stop.set()
    thread.join()
    assert len(rows(lab)) == 26


def test_a_contract_that_is_mended_finds_what_could_not_be_read(lab: Lab, tmp_path: Path) -> None:
    wrong = said_by(lab, MINUTES + '[columns]\ntime = "tm"\n')
    path = write(tmp_path / "feed.jsonl", bars(3))
    assert followed(wrong, path).new == 0
    right = said_by(lab, MINUTES)
    assert followed(right, write(path, bars(4))).new == 8
    assert len(rows(right)) == 8
    assert as_made_again(right)


def test_what_is_corrected_back_is_back(lab: Lab, tmp_path: Path) -> None:
    first = bars(1, ("AAA",))[0]
    sent = [first, changed(first, close=100.9), first]
    for end in (1, 2, 3):
        followed(lab, write(tmp_path / "feed.jsonl", sent[:end]))
    assert rows(lab)["close"].to_list() == [json.loads(first)["close"]]
    assert as_made_again(lab)


def test_a_file_that_is_as_it_was_before_the_last_is_new(lab: Lab, tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    for close in (10, 11, 10):
        (drops / "day.csv").write_text(f"symbol,time,open,high,low,close,volume\nA,{OPENS_AT.isoformat()},10,12,9,{close},5\n")
        followed(lab, drops, idle=1)
    assert (rows(lab)["close"].to_list(), len(receipts(lab.lake, "minutes"))) == ([10], 3)
    assert followed(lab, drops, idle=1).events == 0
    assert as_made_again(lab)


def test_trades_in_files_are_those_of_the_newest_file_at_each_moment(lab: Lab, tmp_path: Path) -> None:
    drops, at = tmp_path / "drops", OPENS_AT.isoformat()
    drops.mkdir()
    (drops / "1.csv").write_text(f"symbol,time,price,size\nA,{at},10,1\nA,{at},10,2\nB,{at},5,1\n")
    followed(lab, drops, "trades", idle=1)
    (drops / "2.csv").write_text(f"symbol,time,price,size\nA,{at},11,3\nB,{at},5,1\n")
    done = followed(lab, drops, "trades", idle=1)
    assert (done.new, done.repeated, done.superseded) == (0, 1, 1)
    assert rows(lab, "trades").select("symbol", "price", "size").rows() == [("A", 11, 3), ("B", 5, 1)]
    assert as_made_again(lab, "trades")


def test_a_correction_without_a_volume_has_none(lab: Lab, tmp_path: Path) -> None:
    lines = bars(3)
    bare = {name: value for name, value in json.loads(lines[0]).items() if name != "volume"}
    followed(lab, write(tmp_path / "feed.jsonl", lines))
    assert followed(lab, write(tmp_path / "feed.jsonl", [*lines, json.dumps(bare)])).superseded == 1
    assert rows(lab)["volume"].null_count() == 1
    assert as_made_again(lab)


def test_without_a_calendar_rows_are_placed_alike_however_they_are_made(lab: Lab, tmp_path: Path) -> None:
    lab = said_by(lab, MINUTES.replace('calendar = "XNYS"\n', ""))
    lines = [changed(line, time=json.loads(line)["time"][:19].replace("T", " ")) for line in bars(390)]
    followed(lab, write(tmp_path / "feed.jsonl", lines[:100]))
    followed(lab, write(tmp_path / "feed.jsonl", lines))
    assert as_made_again(lab)


def test_of_two_feeds_the_later_word_is_meant_whoever_comes_back_last(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bars(1, ("AAA",))[0]
    one = write(tmp_path / "one.jsonl", [first])
    two = write(tmp_path / "two.jsonl", [changed(first, close=100.5)])

    def crash(*_: object, **__: object) -> None:
        raise OSError(5, "the plug is pulled")

    with monkeypatch.context() as patch:
        patch.setattr("workbench.lab.intake.append_rows", crash)
        with pytest.raises(OSError, match="plug"):
            followed(lab, one)
    followed(lab, two)
    followed(lab, one)
    assert rows(lab)["close"].to_list() == [100.5]
    assert as_made_again(lab)


@pytest.mark.slow
def test_every_session_of_a_file_is_judged_after_a_restart(lab: Lab, tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    days = [OPENS_AT + timedelta(days=number) for number in range(3)]
    write(drops / "all.jsonl", [line for day in days for line in bars(5, start=day)])
    followed(lab, drops, idle=1)
    assert len(followed(lab, drops, idle=1, judges=True).judged) == 3


def test_a_file_from_the_future_is_taken_once_it_is_still(lab: Lab, tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    path = write(drops / "day.jsonl", bars(3))
    os.utime(path, (datetime(2040, 1, 1, tzinfo=UTC).timestamp(),) * 2)
    assert followed(lab, drops, idle=1.5).new == 6


def test_a_longer_file_in_the_place_of_another_is_another(lab: Lab, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.jsonl", bars(5))
    followed(lab, path)
    with pytest.raises(BadInput, match="cut or made anew"):
        followed(lab, write(path, bars(20, seed=5)))


@pytest.mark.parametrize(
    "address",
    ["redis://:pa/ss-sesame@localhost:6379/0?stream=k", "redis://:se#cret-sesame@localhost/0?stream=k",
     "redis://:12/34-sesame@localhost:1/0?stream=k", "redis://[bad-sesame/", "redis://:a?sesame@localhost/0?stream=k"],
)  # fmt: skip
def test_an_address_that_is_none_shows_no_password(address: str) -> None:
    with pytest.raises(BadInput) as told:
        open_feed(address, root=Path(), dataset="minutes")
    assert "sesame" not in str(told.value)


def test_an_id_that_is_no_time_is_refused_before_anything_is_kept(lab: Lab, server: int) -> None:
    redis.Redis(port=server).xadd("nano", {"data": trades(1)[0]}, id=f"{10**18}-0")
    with pytest.raises((BadInput, Transient), match="as Redis makes them"):
        followed(lab, f"redis://127.0.0.1:{server}/0?stream=nano", "trades")
    assert receipts(lab.lake, "trades") == ()


def test_a_calendar_that_is_none_is_no_fault_of_the_events(lab: Lab, tmp_path: Path) -> None:
    wrong = said_by(lab, MINUTES.replace("XNYS", "XNYX"))
    with pytest.raises(BadInput, match="XNYX"):
        followed(wrong, write(tmp_path / "feed.jsonl", bars(3)))
    assert receipts(lab.lake, "minutes") == ()


def test_a_calendar_is_not_learned_from_a_piece(lab: Lab, tmp_path: Path) -> None:
    lab = said_by(lab, MINUTES.replace("XNYS", "learned"))
    assert followed(lab, write(tmp_path / "feed.jsonl", bars(30))).new == 60
    assert as_made_again(lab)
