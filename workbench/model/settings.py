"""Settings of a lab: ``workbench.toml`` at its root, read once at the edge and passed down."""

from __future__ import annotations

import tomllib

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.model.errors import BadInput, did_you_mean


class Settings(BaseModel):
    """Where a lab keeps things, relative to its root."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lake: str = "data"
    contracts: str = "contracts"
    notebooks: str = "notebooks"
    kernel: str = "python3"


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
