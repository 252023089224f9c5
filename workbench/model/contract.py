"""The contract: what a dataset promises. TOML text in, a frozen and validated value out."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.model.checks import Dimension
from workbench.model.decisions import Action
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.findings import FINDING_KINDS
from workbench.model.html import table, titled
from workbench.model.names import EVENT_AT, SYMBOL, Kind, fields_of
from workbench.model.score import MISSION_WEIGHTS, Thresholds

FREQUENCY_PATTERN = r"^([1-9]\d*(m|h)|1d|1w|1mo|irregular)$"
DATASET_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"


def exact(value: float) -> Fraction:
    """Return the decimal a person wrote as an exact rational.

    Examples
    --------
    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(str(value))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartitionBy(StrEnum):
    """How the files of a table lie."""

    TIME = "time"
    SYMBOL = "symbol"
    HYBRID = "hybrid"


class Storage(_Part):
    """``time``: year and month; ``symbol``: symbol; ``hybrid``: year, month and symbol."""

    partition_by: PartitionBy = PartitionBy.TIME


class Source(_Part):
    """Where data comes from, most trusted source first. ``path`` may hold a glob, or be an address (``https://``).

    In both, ``{session}`` stands for a session's date. ``headers`` are sent to an address; ``env:NAME`` stands for the
    value of a variable, so that no key stands in a contract. ``timeout_seconds`` is how long the other side may say nothing.
    A source whose ``role`` is ``reference`` is compared with, and never becomes part of the dataset.
    """

    name: Annotated[str, Field(pattern=DATASET_PATTERN)]
    path: str
    role: Literal["primary", "reference"] = "primary"
    headers: dict[str, str] = {}
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0


class Freshness(_Part):
    """What is promised about time; a promise that is not made is not judged.

    ``max_age_hours`` counts from the close of the last expected session to ``now``;
    ``max_lag_hours`` from a session's close to its arrival; ``update_sessions`` is how many of
    the latest expected sessions must all be there.
    """

    max_age_hours: Annotated[float, Field(gt=0)] | None = None
    max_lag_hours: Annotated[float, Field(gt=0)] | None = None
    update_sessions: Annotated[int, Field(gt=0)] | None = None


class Reference(_Part):
    """A second opinion to be compared with, and how far apart it, and other sources with that role, may be."""

    path: str = ""
    max_deviation_bps: Annotated[float, Field(gt=0)] = 50.0
    min_correlation: Annotated[float, Field(gt=0, le=1)] = 0.99
    max_rmse: Annotated[float, Field(gt=0)] = 0.01


def _known_kind(name: str) -> str:
    if name != "*" and name not in FINDING_KINDS:
        raise ValueError(
            f"expected '*' or a kind of finding such as {', '.join(FINDING_KINDS[:4])}{did_you_mean(name, FINDING_KINDS)}"
        )
    return name


class FindingPolicy(_Part):
    """What is decided about findings of a kind (``*``: of any) without a person, from a confidence on, and below another."""

    kind: Annotated[str, AfterValidator(_known_kind)]
    action: Literal[Action.REVIEW, Action.QUARANTINE, Action.TAKE_PROPOSED, Action.TAKE_REFERENCE, Action.TAKE_LAST, Action.KEEP]
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.95
    below_confidence: Annotated[float, Field(gt=0, le=1)] | None = None


class Policies(_Part):
    """What happens to rows that share a symbol and a time, and to findings, without anybody being asked."""

    exact_duplicates: Literal["keep_first", "quarantine_all"] = "keep_first"
    conflicting_duplicates: Literal["quarantine_all", "keep_first", "keep_last"] = "quarantine_all"
    findings: tuple[FindingPolicy, ...] = ()


class Tuning(_Part):
    """One check's tolerance and weight, where the default does not fit this dataset."""

    tolerance: Annotated[float, Field(gt=0, le=1)] | None = None
    weight: Annotated[float, Field(ge=0)] | None = None


class Scoring(_Part):
    """Weights of the dimensions and the scores below which somebody is told."""

    min_score: Annotated[float, Field(ge=0, le=100)] = 85.0
    critical: Annotated[float, Field(ge=0, le=100)] = 70.0
    high: Annotated[float, Field(ge=0, le=100)] = 85.0
    weights: dict[Dimension, Annotated[float, Field(ge=0)]] = {}

    @model_validator(mode="after")
    def _has_some_weight(self) -> Scoring:
        if self.weights and sum(self.dimension_weights().values()) == 0:
            raise ValueError("at least one dimension must weigh something")
        return self

    def dimension_weights(self) -> dict[Dimension, Fraction]:
        """Return the five weights, the contract's where it has any, scaled to add up to 1."""
        given = {d: exact(self.weights[d]) if d in self.weights else w for d, w in MISSION_WEIGHTS.items()}
        total = sum(given.values(), Fraction(0))
        return {d: w / total for d, w in given.items()} if total else given

    def thresholds(self) -> Thresholds:
        """Return the scores below which somebody is told, exact."""
        return Thresholds(critical=exact(self.critical), high=exact(self.high))


class Schedule(_Part):
    """When ``workbench schedule`` runs a dataset.

    Attributes
    ----------
    minutes_after_close
        A session is due so long after its market has closed.
    catch_up_sessions
        How many sessions back are looked at for what was missed.
    retry_minutes
        How long a session that failed is left alone.
    """

    minutes_after_close: Annotated[int, Field(ge=0, le=24 * 60)] = 30
    catch_up_sessions: Annotated[int, Field(ge=1, le=1000)] = 30
    retry_minutes: Annotated[int, Field(ge=1)] = 15


class Alerts(_Part):
    """Who is told, and from when on a feed is told of.

    Attributes
    ----------
    command
        A program and its arguments, which gets each alert as JSON on its standard input.
    max_rejected_share
        Of a feed's latest events.
    max_silence_minutes
        Without an event while the market is open; None: silence is not told of.
    """

    command: tuple[str, ...] = ()
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    max_silence_minutes: Annotated[float, Field(gt=0)] | None = None


def _known_feature(name: str) -> str:
    if name not in FEATURES:
        raise ValueError(f"expected one of {', '.join(FEATURES)}{did_you_mean(name, FEATURES)}")
    return name


FEATURES = ("returns", "ranges", "adjusted")


class Contract(_Part):
    """What a dataset promises.

    Attributes
    ----------
    frequency
        ``1m``, ``5m``, ``1h``, ``1d``, ``1w``, ``1mo`` or ``irregular``, which is what ticks and quotes are by default.
    calendar
        An exchange_calendars name, ``24/7``, ``24/5`` or ``learned``; None: named from the data.
    timezone
        IANA zone of stamps that come without one; None: the calendar's.
    stamp
        Whether a bar's stamp marks its ``start`` or its ``end``.
    symbols
        The universe that must be there; empty: whatever comes.
    columns
        Standard name -> the source's name, where the source's names do not speak for themselves.
    ranges
        Standard column -> the lowest and highest value it may have.
    events
        A table of splits and dividends, where the data carries none itself.
    """

    dataset: Annotated[str, Field(pattern=DATASET_PATTERN)]
    title: str = ""
    kind: Kind = Kind.BARS
    frequency: Annotated[str, Field(pattern=FREQUENCY_PATTERN)] = "1d"
    calendar: str | None = None
    timezone: str | None = None
    stamp: Literal["start", "end"] = "start"
    adjustment: Literal["none", "splits", "splits_dividends", "unknown"] = "unknown"
    currency: str | None = None
    symbols: tuple[str, ...] = ()
    allow_non_positive: bool = False
    columns: dict[str, str] = {}
    ranges: dict[str, tuple[float, float]] = {}
    features: tuple[Annotated[str, AfterValidator(_known_feature)], ...] = ()
    sources: tuple[Source, ...] = ()
    storage: Storage = Storage()
    freshness: Freshness = Freshness()
    reference: Reference | None = None
    events: str | None = None
    policies: Policies = Policies()
    score: Scoring = Scoring()
    checks: dict[str, Tuning] = {}
    schedule: Schedule = Schedule()
    alerts: Alerts = Alerts()

    @model_validator(mode="before")
    @classmethod
    def _comes_as_it_comes(cls, values: Any) -> Any:
        """Ticks and quotes come when they come, unless something else is said."""
        if isinstance(values, dict) and values.get("kind") in (Kind.TICKS, Kind.QUOTES):
            return {"frequency": "irregular", **values}
        return values

    @model_validator(mode="after")
    def _columns_are_standard(self) -> Contract:
        known = (SYMBOL, EVENT_AT, "time", *fields_of(self.kind))
        for where, names in (("columns", self.columns), ("ranges", self.ranges)):
            for name in names:
                if name not in known:
                    hint = did_you_mean(name, known)
                    raise ValueError(f"{where}.{name}: not a column of {self.kind}; expected one of {', '.join(known)}{hint}")
        return self

    @property
    def is_intraday(self) -> bool:
        """Whether rows come more often than once a session."""
        return self.frequency == "irregular" or self.frequency[-1] in "mh"

    def _repr_html_(self) -> str:
        hidden: Any = {"dataset": True, "title": True, "sources": {"__all__": {"headers"}}}  # headers may hold a key
        promised = self.model_dump(mode="json", exclude_defaults=True, exclude=hidden)
        rows = [(name, _in_words(value)) for name, value in promised.items()]
        return titled(
            f"Contract: {self.title or self.dataset}", table(("key", "promised"), rows), note="the rest is as by default"
        )


def _in_words(value: Any) -> str:
    """Put what a key says in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    return "; ".join(_in_words(part) for part in value) if isinstance(value, list) else str(value)


def parse_contract(text: str, *, origin: str) -> Contract:
    """Read a contract from TOML.

    Parameters
    ----------
    text : str
    origin : str
        The file's name, for messages.

    Raises
    ------
    BadInput
        Not TOML, an unknown key, a missing key, a value of the wrong type or outside its bounds;
        the message names file, key, what was expected, and the key that was probably meant.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{origin}: not valid TOML: {error}; see templates/contracts/ for examples") from error
    return contract_from(table, origin=origin)


def contract_from(table: dict[str, Any], *, origin: str) -> Contract:
    """Build a contract from what TOML gave; errors as in :func:`parse_contract`."""
    try:
        return Contract.model_validate(table)
    except ValidationError as error:
        raise BadInput(f"{origin}: {_first_complaint(error)}") from error


def _first_complaint(error: ValidationError) -> str:
    complaint = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in complaint["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if complaint["type"] == "extra_forbidden":
        siblings = _keys_beside(complaint["loc"])
        hint = did_you_mean(str(complaint["loc"][-1]), siblings)
        return f"unknown key '{key}'; expected one of {', '.join(siblings)}{hint}{more}"
    if complaint["type"] == "missing":
        return f"the key '{key}' is missing; add it at the top of the file{more}"
    message = complaint["msg"].removeprefix("Value error, ")
    came = complaint["input"]
    where = f"key '{key}': " if key else ""
    shown = "" if isinstance(came, dict) else f", found {came!r}"
    return f"{where}{message}{shown}{more}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed where an unknown one was met."""
    parts: dict[str, type[BaseModel]] = {
        "storage": Storage, "sources": Source, "freshness": Freshness, "reference": Reference,
        "policies": Policies, "score": Scoring, "checks": Tuning,
    }  # fmt: skip
    model = parts.get(str(location[0]), Contract) if len(location) > 1 else Contract
    return list(model.model_fields)
