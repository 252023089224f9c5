"""Settings of a lab: ``workbench.toml`` at its root, read once at the edge and passed down."""

from __future__ import annotations

import tomllib

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.model.errors import BadInput, did_you_mean


class Retries(BaseModel):
    """How often what may pass by itself is tried, and how long is waited in between: twice as long each time, and a bit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts: int = Field(3, ge=1, le=100)
    first_wait_seconds: float = Field(1.0, ge=0)
    longest_wait_seconds: float = Field(60.0, ge=0)


class Audit(BaseModel):
    """How runs are sealed.

    Attributes
    ----------
    sign_with
        A private ed25519 key file, relative to the lab's root; None: seals are not signed.
    pack_after_days
        Executed notebooks of runs older than this are compressed by ``workbench audit pack``; None: all stay as they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sign_with: str | None = None
    pack_after_days: int | None = Field(None, ge=0)


class Settings(BaseModel):
    """Where a lab keeps things, relative to its root, and how patient its pipelines are.

    Attributes
    ----------
    stage_timeout_seconds
        A cell that takes longer is given up, and its kernel ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lake: str = "data"
    contracts: str = "contracts"
    notebooks: str = "notebooks"
    kernel: str = "python3"
    stage_timeout_seconds: int = Field(3600, ge=1)
    retries: Retries = Retries()
    audit: Audit = Audit()


def parse_settings(text: str, *, origin: str) -> Settings:
    """Read settings from TOML.

    Raises
    ------
    BadInput
        Not TOML, an unknown key, or a value of the wrong type.
    """
    try:
        return Settings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{origin}: not valid TOML: {error}") from error
    except ValidationError as error:
        complaint = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in complaint["loc"])
        hint = did_you_mean(key, Settings.model_fields)
        raise BadInput(f"{origin}: key '{key}': {complaint['msg']}; expected {', '.join(Settings.model_fields)}{hint}") from error
