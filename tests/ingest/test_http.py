"""A vendor over HTTP, who behaves and misbehaves: a local server that does what vendors do."""

from collections.abc import Iterator

import pytest

from tests.ingest.vendor import Answer, Vendor, half, hang_up, say_nothing, serving, status
from workbench.ingest.http import Address, fetch
from workbench.model.errors import BadInput, Transient
from workbench.model.failures import Category, category_of
from workbench.model.settings import Retries

CSV = b"date,close\n2024-01-02,1.0\n"
QUICK = Retries(attempts=3, first_wait_seconds=0.01, longest_wait_seconds=0.05)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as made:
        yield made


GOOD = status(200, CSV)


def test_a_file_comes_as_it_is(vendor: Vendor) -> None:
    vendor.answers = [GOOD]
    assert fetch(Address(vendor.url, {}), QUICK) == CSV


@pytest.mark.parametrize("bad", [status(429), status(500), status(503, Retry_After="0"), half, hang_up])
def test_what_may_pass_is_asked_for_again(vendor: Vendor, bad: Answer) -> None:
    vendor.answers = [bad, bad, GOOD]
    assert fetch(Address(vendor.url, {}), QUICK) == CSV
    assert len(vendor.asked) == 3


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (status(429), "it answers 429 Too Many Requests"),
        (status(502), "it answers 502 Bad Gateway"),
        (half, "RemoteProtocolError"),
        (hang_up, "RemoteProtocolError"),
        (say_nothing, "no answer within 0.1 s"),
    ],
)
def test_what_does_not_pass_is_given_up_with_the_last_cause(vendor: Vendor, bad: Answer, words: str) -> None:
    vendor.answers = [bad]
    with pytest.raises(Transient, match=rf"{words}.*\(tried 3 times\)") as raised:
        fetch(Address(vendor.url, {}, 0.1), QUICK)
    assert category_of(raised.value) is Category.TRANSIENT
    assert len(vendor.asked) == 3


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (status(401), "it answers 401: we may not have it"),
        (status(404), "it answers 404: there is no such file"),
        (status(301, Location="http://elsewhere/"), "it answers 301"),
        (status(200), "it answers with nothing"),
    ],
)
def test_what_will_not_pass_is_not_asked_for_again(vendor: Vendor, bad: Answer, words: str) -> None:
    vendor.answers = [bad]
    with pytest.raises(BadInput, match=words):
        fetch(Address(vendor.url, {}), QUICK)
    assert len(vendor.asked) == 1


def test_nobody_there_is_transient() -> None:
    with pytest.raises(Transient, match="ConnectError"):
        fetch(Address("http://127.0.0.1:9/x.csv", {}), QUICK)


def test_a_key_comes_from_a_variable_and_is_in_no_message(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_KEY", "s3cr3t")
    vendor.answers = [GOOD, status(404)]
    address = Address(f"{vendor.url}?token=hidden", {"X-Api-Key": "env:VENDOR_KEY"})
    assert fetch(address, QUICK) == CSV
    assert vendor.asked[0]["x-api-key"] == "s3cr3t"
    assert address.name == "bars.csv"
    with pytest.raises(BadInput) as raised:
        fetch(address, QUICK)
    assert "hidden" not in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    monkeypatch.delenv("VENDOR_KEY")
    with pytest.raises(BadInput, match="the header X-Api-Key needs the variable VENDOR_KEY, which is not set"):
        fetch(address, QUICK)
