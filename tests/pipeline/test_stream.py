"""Feeds: each event once, whatever comes twice, late, wrong or half; and the score of a batch."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Say, say
from tests.feeds import MINUTES, OPENS_AT, TRADES, bars, changed, redis_server, trades, write
from workbench.ingest.feeds.folder import DropFolder
from workbench.ingest.feeds.jsonl import GrowingFile
from workbench.ingest.feeds.opening import open_feed
from workbench.ingest.feeds.redis import RedisStream
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lake import Zone, receipts
from workbench.model.errors import BadInput, Transient
from workbench.pipeline.streaming import Ending, Followed, follow

__all__ = ["say"]
redis = pytest.importorskip("redis")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lay_out(tmp_path / "lab")
    (tmp_path / "lab/contracts/minutes.toml").write_text(MINUTES)
    (tmp_path / "lab/contracts/trades.toml").write_text(TRADES)
    return open_lab(tmp_path / "lab")


@pytest.fixture
def batch(tmp_path: Path) -> Lab:
    lay_out(tmp_path / "batch")
    (tmp_path / "batch/contracts/minutes.toml").write_text(MINUTES)
    (tmp_path / "batch/contracts/trades.toml").write_text(TRADES)
    return open_lab(tmp_path / "batch")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


def followed(lab: Lab, source: Path | str, dataset: str = "minutes", *, idle: float = 0.0, judges: bool = False) -> Followed:
    feed = open_feed(str(source), root=Path(), dataset=dataset)
    return follow(lab, lab[dataset], feed, Ending(lambda: False, idle), judges=judges)


def rows(lab: Lab, dataset: str = "minutes") -> pl.DataFrame:
    return lab[dataset].read().to_polars().drop("receipt", "row", "event", strict=False)


def said(lab: Lab) -> list[dict[str, object]]:
    files = sorted((lab.lake.zone(Zone.METADATA) / "alerts").glob("*.ndjson"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_file_that_grows_is_taken_line_by_line(lab: Lab, batch: Lab, tmp_path: Path) -> None:
    lines = bars(30)
    path = write(tmp_path / "feed.jsonl", [*lines[:20], lines[20][:30]], ends=False)
    assert (followed(lab, path).new, followed(lab, path).events) == (20, 0)
    write(path, lines)
    assert followed(lab, path).new == 40
    batch["minutes"].update([write(tmp_path / "batch.jsonl", lines)])
    assert rows(lab).equals(rows(batch))


def test_the_last_line_needs_no_end_once_the_file_is_still(lab: Lab, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.jsonl", bars(2), ends=False)
    assert followed(lab, path, idle=1.5).new == 4
    with path.open("a") as file:
        file.write("\n" + bars(3)[-1] + "\n")
    assert followed(lab, path).new == 1


def test_what_comes_twice_late_or_corrected_ends_as_a_batch_of_what_was_accepted(lab: Lab, batch: Lab, tmp_path: Path) -> None:
    lines = bars(120)
    wrong = changed(lines[10], close=150.0, high=151.0)
    sent = [*lines[:10], wrong, *lines[11:60], *lines[70:], *lines[30:40], lines[10], *lines[60:70], lines[10]]
    path = tmp_path / "feed.jsonl"
    total = Followed("", "", "")
    for end in (25, 26, 200, len(sent)):
        done = followed(lab, write(path, sent[:end]))
        total.new, total.repeated = total.new + done.new, total.repeated + done.repeated
        total.superseded, total.late = total.superseded + done.superseded, total.late + done.late
    assert (total.new + total.superseded + total.repeated, total.superseded) == (len(sent), 1)
    assert total.late == 21  # of two that came together, under one key, the last is meant
    batch["minutes"].update([write(tmp_path / "batch.jsonl", lines)])
    assert rows(lab).equals(rows(batch))
    assert lab["minutes"].score().to_json() == batch["minutes"].score().to_json()


def test_all_that_was_taken_in_can_be_made_again_from_the_raw_zone(lab: Lab, tmp_path: Path) -> None:
    lines = bars(60)
    sent = [*lines[:50], "{", changed(lines[3], close=99.0), *lines[40:], lines[3], "{"]
    path = tmp_path / "feed.jsonl"
    for end in (10, 52, 80, len(sent)):
        followed(lab, write(path, sent[:end]))
    before, score, bad = rows(lab), lab["minutes"].score().to_json(), lab["minutes"].quarantined()
    lab["minutes"].transform()
    assert rows(lab).equals(before)
    assert lab["minutes"].score().to_json() == score
    assert lab["minutes"].quarantined()["raw_text"].to_list() == bad["raw_text"].to_list() == ["{"]


def test_bad_events_go_to_quarantine_as_they_came_once_and_are_told_of(lab: Lab, batch: Lab, tmp_path: Path) -> None:
    lines = bars(40)
    bad = ["no json", '["a", "list"]', changed(lines[0], time="never"), json.dumps({"time": OPENS_AT.isoformat(), "close": 1})]
    done = followed(lab, write(tmp_path / "feed.jsonl", [*lines, *bad, *bad]))
    reasons = {"not_a_json_object": 2, "time_unreadable": 1, "symbol_missing": 1}
    assert done.rejected == {f"rejected_event:{name}": count for name, count in reasons.items()}
    assert sorted(lab["minutes"].quarantined()["raw_text"]) == sorted(bad)
    followed(lab, write(tmp_path / "more.jsonl", bad))
    assert sorted(lab["minutes"].quarantined()["raw_text"]) == sorted(bad)
    assert [(alert["level"], alert["dataset"]) for alert in said(lab)] == [("high", "minutes")] * 2
    batch["minutes"].update([write(tmp_path / "batch.jsonl", lines)])
    assert lab["minutes"].score().to_json() == batch["minutes"].score().to_json()


def test_a_piece_of_nothing_but_rubbish_is_kept_and_passed(lab: Lab, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.jsonl", ["rubbish", "{}"])
    assert followed(lab, path).rejected == {"rejected_event:not_data": 2}
    assert [receipt.rows for receipt in receipts(lab.lake, "minutes")] == [0]
    assert followed(lab, write(path, ["rubbish", "{}", *bars(5)])).new == 10
    assert lab["minutes"].transform().done.rows == 10
    assert len(lab["minutes"].quarantined()) == 2


def test_trades_that_share_a_moment_are_told_by_their_lines(lab: Lab, batch: Lab, tmp_path: Path) -> None:
    lines = trades(400)
    path = tmp_path / "feed.jsonl"
    for end in (101, 202, 303, 500):
        followed(lab, write(path, [*lines[:300], *lines[200:]][:end]), "trades")
    assert len(rows(lab, "trades")) == 400
    batch["trades"].update([write(tmp_path / "batch.jsonl", lines)])
    assert lab["trades"].score().to_json() == batch["trades"].score().to_json()
    lab["trades"].transform()
    assert len(rows(lab, "trades")) == 400


def test_a_file_that_was_cut_is_another_file(lab: Lab, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.jsonl", bars(10))
    followed(lab, path)
    write(path, bars(2))
    with pytest.raises(BadInput, match="was cut or made anew"):
        followed(lab, path)


def test_files_that_drop_into_a_folder_are_taken_once_they_are_whole(lab: Lab, batch: Lab, tmp_path: Path) -> None:
    drops = tmp_path / "drops"
    drops.mkdir()
    header = "symbol,time,open,high,low,close,volume\n"
    lines = [",".join(str(value) for value in json.loads(line).values()) for line in bars(20)]
    write(drops / "1.csv", [header + "\n".join(lines[:20])])
    (drops / "2.csv.part").write_text(header)
    (drops / "broken.csv").write_bytes(b"\x00\x01\x02")
    feed, stop = DropFolder(drops), threading.Event()
    came: list[Followed] = []
    thread = threading.Thread(target=lambda: came.append(follow(lab, lab["minutes"], feed, Ending(stop.is_set), judges=False)))
    thread.start()
    time.sleep(1.5)
    write(drops / "2.csv", [header + "\n".join(lines[15:])])
    time.sleep(2)
    stop.set()
    thread.join()
    (done,) = came
    assert (done.pieces, done.new, done.repeated) == (3, 40, 5)
    assert done.rejected == {"rejected_event:not_data": 1}
    assert followed(lab, drops).events == 0
    batch["minutes"].update([write(tmp_path / "batch.csv", [header + "\n".join(lines)])])
    assert rows(lab).equals(rows(batch))


def test_a_redis_stream_is_read_acknowledged_and_gone_on_with(lab: Lab, server: int) -> None:
    client, lines = redis.Redis(port=server), trades(3000)
    address = f"redis://:@127.0.0.1:{server}/0?stream=one"
    for line in lines[:2000]:
        client.xadd("one", {"data": line})
    assert followed(lab, address, "trades").new == 2000
    for line in lines[1900:]:
        client.xadd("one", json.loads(line) if "2999" in line else {"data": line})
    done = followed(lab, address, "trades")
    assert (done.events, done.new) == (1100, 1000)
    assert client.xpending("one", "workbench_trades")["pending"] == 0
    assert len(rows(lab, "trades")) == 3000


def test_what_was_delivered_and_never_acknowledged_counts_once(lab: Lab, server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    client, lines = redis.Redis(port=server), trades(500)
    for line in lines:
        client.xadd("two", {"data": line})
    address = f"redis://127.0.0.1:{server}/0?stream=two"

    def crash(*_: object) -> None:
        raise RuntimeError("the plug is pulled between the commit and its acknowledgement")

    with monkeypatch.context() as patch:
        patch.setattr(RedisStream, "acknowledge", crash)
        with pytest.raises(RuntimeError):
            followed(lab, address, "trades")
    assert client.xpending("two", "workbench_trades")["pending"] == 500
    assert (followed(lab, address, "trades").events, len(rows(lab, "trades"))) == (0, 500)
    assert client.xpending("two", "workbench_trades")["pending"] == 0
    assert said(lab)[-1]["level"] == "critical"


def test_what_was_published_and_not_written_is_taken_in_from_the_raw_zone(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "feed.jsonl", bars(10))

    def crash(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("workbench.lab.intake.append_rows", crash)
        with pytest.raises(OSError, match="No space"):
            followed(lab, path)
    write(path, bars(12))
    assert (followed(lab, path).new, len(rows(lab)), len(receipts(lab.lake, "minutes"))) == (24, 24, 2)


def test_a_stream_that_was_made_anew_is_refused(lab: Lab, server: int) -> None:
    client = redis.Redis(port=server)
    client.xadd("anew", {"data": trades(1)[0]}, id="5000000000000-0")
    followed(lab, f"redis://127.0.0.1:{server}/0?stream=anew", "trades")
    client.delete("anew")
    client.xadd("anew", {"data": trades(2)[1]})
    with pytest.raises(BadInput, match="made anew"):
        followed(lab, f"redis://127.0.0.1:{server}/0?stream=anew", "trades")


def test_a_server_that_is_away_is_waited_for_and_given_up(lab: Lab) -> None:
    (lab.root / "workbench.toml").write_text("[retries]\nattempts = 2\nfirst_wait_seconds = 0.01\n")
    with pytest.raises(Transient, match=r"away: .*\(tried 2 times\)") as told:
        followed(open_lab(lab.root), "redis://me:sesame@127.0.0.1:1/0?stream=x", "trades")
    assert "sesame" not in str(told.value) + json.dumps(said(lab))


def test_no_two_follow_one_feed_at_once(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.pipeline.streaming.OTHER_SECONDS", 0.1)
    path, stop = write(tmp_path / "feed.jsonl", bars(3)), threading.Event()
    first = threading.Thread(target=lambda: follow(lab, lab["minutes"], GrowingFile(path), Ending(stop.is_set), judges=False))
    first.start()
    time.sleep(0.7)
    try:
        with pytest.raises(Transient, match="another process"):
            followed(lab, path)
    finally:
        stop.set()
        first.join()


class Ahead(datetime):
    """A clock that is years ahead."""

    @classmethod
    def now(cls, _zone: object = None) -> datetime:
        return datetime(2040, 1, 1, tzinfo=UTC)


def test_a_clock_that_is_set_back_makes_no_correction_old(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "feed.jsonl", bars(3))
    with monkeypatch.context() as patch:
        patch.setattr("workbench.lab.arrivals.datetime", Ahead)
        followed(lab, path)
    followed(lab, write(path, [*bars(3), changed(bars(3)[0], close=100.5)]))
    assert rows(lab)["close"][0] == 100.5
    lab["minutes"].transform()
    assert rows(lab)["close"][0] == 100.5


def test_a_decision_stands_when_its_event_comes_again(lab: Lab, tmp_path: Path) -> None:
    lines = [changed(line, low=0.5) if number == 200 else line for number, line in enumerate(bars(390))]
    contract = lab.root / "contracts/minutes.toml"
    contract.write_text(MINUTES + '[[policies.findings]]\nkind = "bad_tick"\naction = "quarantine"\nmin_confidence = 0.5\n')
    data = open_lab(lab.root)["minutes"]
    path = write(tmp_path / "feed.jsonl", lines)
    followed(open_lab(lab.root), path)
    score = data.score().to_json()
    assert len(data.decisions.settle().entries) == 1
    assert len(rows(lab)) == 779
    followed(open_lab(lab.root), write(path, [*lines, lines[200], lines[201]]))
    assert (len(rows(lab)), data.score().to_json()) == (779, score)


@pytest.mark.slow
def test_a_session_that_is_over_is_judged_as_a_daily_run_judges_it(lab: Lab, batch: Lab, tmp_path: Path) -> None:
    lines = bars(390) + bars(30, start=OPENS_AT + timedelta(days=1), seed=2)
    done = followed(lab, write(tmp_path / "feed.jsonl", lines), judges=True)
    batch["minutes"].update([write(tmp_path / "batch.jsonl", lines)])
    for day, (run, score) in done.judged.items():
        assert score == pytest.approx(batch["minutes"].score(end=day).to_json()["score"], abs=0)
        folder = next((lab.lake.zone(Zone.METADATA) / "runs").glob(f"*/*/*/{run}"))
        assert {path.name for path in folder.iterdir()} >= {"run.json", "quality.ipynb", "report.html"}
    assert [day.isoformat() for day in done.judged] == ["2024-03-04", "2024-03-05"]
    assert followed(lab, tmp_path / "feed.jsonl", judges=True).judged == {}
    with (tmp_path / "feed.jsonl").open("a") as file:
        file.write(changed(lines[5], close=100.4) + "\n")
    assert [day.isoformat() for day in followed(lab, tmp_path / "feed.jsonl", judges=True).judged] == ["2024-03-04"]


def test_silence_is_told_of_while_the_market_is_open(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = lab.root / "contracts/minutes.toml"
    contract.write_text(MINUTES.replace("XNYS", "24/7") + "[alerts]\nmax_silence_minutes = 0.01\n")
    done = followed(open_lab(lab.root), write(tmp_path / "feed.jsonl", bars(2)), idle=2)
    assert (done.alerts, [alert["level"] for alert in said(lab)]) == (1, ["critical"])


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(lab: Lab, batch: Lab, server: int, tmp_path: Path) -> None:
    client, lines = redis.Redis(port=server), trades(40_000)
    pipe = client.pipeline(transaction=False)
    for line in lines:
        pipe.xadd("killed", {"data": line})
    pipe.execute()
    command = [
        sys.executable, "-m", "workbench", "stream", "trades", "--from", f"redis://127.0.0.1:{server}/0?stream=killed",
        "--lab", str(lab.root), "--until-idle", "0", "--no-judge", "--json",
    ]  # fmt: skip
    dice, ended = random.Random(3), 0
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            ended += process.wait(dice.uniform(0.9, 1.6)) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    last = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(last.stdout)["schema"] == "workbench.stream/1"
    batch["trades"].update([write(tmp_path / "batch.jsonl", lines)])
    assert lab["trades"].read().to_polars().height == len(lines) == lab["trades"].read().to_polars()["event"].n_unique()
    assert lab["trades"].score().to_json() == batch["trades"].score().to_json()
    assert not list((lab.root / "data").rglob("*.part"))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nowhere", "there is no such folder or file"),
        ("redis://127.0.0.1:6379/0", "name the stream"),
        ("kafka://127.0.0.1/topic", "expected a folder, a file of JSON lines, or redis"),
    ],
)
def test_what_cannot_be_followed_is_said_in_one_line(lab: Lab, say: Say, source: str, complaint: str) -> None:
    said = say("stream", "minutes", "--from", source, "--lab", lab.root)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert complaint in said.err
