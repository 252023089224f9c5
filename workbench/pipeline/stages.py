"""The stages of a daily run, in order: each is a notebook of this name, and all take the same parameters."""

from __future__ import annotations

from typing import Final

STAGES: Final = ("ingest", "transform", "profile", "quality", "report")
