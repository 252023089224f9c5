"""The bundled sample is byte for byte what its PROVENANCE says it is."""

from __future__ import annotations

import gzip
import json
import re
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def provenance(sample: Path) -> str:
    return (sample.parent / "PROVENANCE.txt").read_text(encoding="utf-8")


def test_bytes_are_those_of_the_provenance(sample: Path, provenance: str) -> None:
    stated = re.search(r"^SHA256\s+([0-9a-f]{64})$", provenance, re.MULTILINE)
    assert stated, f"{sample.parent}/PROVENANCE.txt: expected a line 'SHA256 <64 hex digits>'"
    assert sha256(sample.read_bytes()).hexdigest() == stated[1]


def test_ledger_entry_speaks_of_these_bytes(sample: Path, provenance: str) -> None:
    entry = json.loads(provenance[provenance.index("\n{") :])
    assert entry["verified_source_terms"].startswith("The archived Quandl publisher page declares the WIKI data public domain")
    assert entry["sha256"][sample.name] == sha256(sample.read_bytes()).hexdigest()
    assert entry["uncompressed_sha256"][sample.name] == sha256(gzip.decompress(sample.read_bytes())).hexdigest()


def test_bytes_are_those_of_the_package_it_came_from(sample: Path) -> None:
    try:
        packaged = distribution("bokeh_sampledata").locate_file("bokeh_sampledata/_data/stocks.csv.gz")
    except PackageNotFoundError:
        pytest.skip("needs the package bokeh-sampledata, part of the extra 'test'")
    assert sample.read_bytes() == Path(str(packaged)).read_bytes()
