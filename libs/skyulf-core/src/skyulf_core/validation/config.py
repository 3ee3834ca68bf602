"""How a pipeline is judged on its own training rows: the configuration of cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError

from skyulf_core.problems import InvalidConfigError, Problem, did_you_mean, pointer_part

Folds: TypeAlias = Annotated[StrictInt, Field(ge=2, le=1_000, title="Folds", description="Number of parts.")]
Draws: TypeAlias = Annotated[
    StrictInt, Field(ge=1, le=1_000, title="Draws", description="How often rows are held out.")
]
Seed: TypeAlias = Annotated[
    StrictInt | None,
    Field(ge=0, le=2**32 - 1, title="Random state", description="The same number draws the same folds."),
]
Shuffle: TypeAlias = Annotated[
    bool, Field(title="Shuffle", description="Draw the folds at random, not in the order of the rows.")
]
Group: TypeAlias = Annotated[
    str,
    Field(
        min_length=1, title="Group", description="Column of the data; rows with the same value stay in one fold.",
        json_schema_extra={"x-widget": "column"},
    ),
]  # fmt: skip
Held: TypeAlias = Annotated[
    Annotated[float, Field(gt=0.0, lt=1.0)] | Annotated[StrictInt, Field(ge=1)],
    Field(title="Test size", description="Share of the rows, or their number, that is held out each time."),
]


class CvConfig(BaseModel):
    """What all modes share. Fields are named as those of scikit-learn's splitters; `folds` is its `n_splits`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @property
    def stratified(self) -> bool:
        """Whether every fold holds every class."""
        return str(getattr(self, "type", "")).removeprefix("repeated_").startswith("stratified")

    @property
    def group_column(self) -> str | None:
        """The column whose groups stay together."""
        return getattr(self, "group", None)

    @property
    def seed(self) -> int | None:
        """The random state, where anything is drawn."""
        return getattr(self, "random_state", None) if getattr(self, "shuffle", True) else None


class KFold(CvConfig):
    """Equal parts; each is predicted once, by a model of the others."""

    type: Literal["k_fold"] = "k_fold"
    folds: Folds = 5
    shuffle: Shuffle = True
    random_state: Seed = 0


class StratifiedKFold(CvConfig):
    """Equal parts, each with the same shares of the classes."""

    type: Literal["stratified_k_fold"] = "stratified_k_fold"
    folds: Folds = 5
    shuffle: Shuffle = True
    random_state: Seed = 0


class GroupKFold(CvConfig):
    """Parts of whole groups: no group is learned from and judged on at once."""

    type: Literal["group_k_fold"] = "group_k_fold"
    group: Group
    folds: Folds = 5
    shuffle: Shuffle = False
    random_state: Seed = 0


class StratifiedGroupKFold(CvConfig):
    """Parts of whole groups with nearly the same shares of the classes."""

    type: Literal["stratified_group_k_fold"] = "stratified_group_k_fold"
    group: Group
    folds: Folds = 5
    shuffle: Shuffle = False
    random_state: Seed = 0


class TimeSeries(CvConfig):
    """Later rows are predicted by a model of earlier ones.

    Rows are put in the order of the column `by`; without it they must be in order of time as they come. Rows of the
    moment at which a test part begins are never learned from.
    """

    type: Literal["time_series"] = "time_series"
    by: str | None = Field(
        default=None,
        title="Time",
        description="Column of dates, datetimes or numbers that says which row is earlier.",
        json_schema_extra={"x-widget": "column"},
    )
    folds: Folds = 5
    gap: StrictInt = Field(default=0, ge=0, title="Gap", description="Rows left out before each test part.")
    max_train: StrictInt | None = Field(
        default=None, ge=1, title="Most training rows", description="Only the latest so many rows are learned from."
    )
    test_size: StrictInt | None = Field(
        default=None, ge=1, title="Test size", description="Rows of each test part; null: rows / (folds + 1)."
    )


class ShuffleSplit(CvConfig):
    """Rows held out at random, several times."""

    type: Literal["shuffle_split"] = "shuffle_split"
    folds: Draws = 10
    test_size: Held = 0.1
    random_state: Seed = 0


class StratifiedShuffleSplit(CvConfig):
    """Rows held out at random, several times, with the same shares of the classes."""

    type: Literal["stratified_shuffle_split"] = "stratified_shuffle_split"
    folds: Draws = 10
    test_size: Held = 0.1
    random_state: Seed = 0


class RepeatedKFold(CvConfig):
    """k_fold several times, each time drawn anew."""

    type: Literal["repeated_k_fold"] = "repeated_k_fold"
    folds: Folds = 5
    repeats: StrictInt = Field(default=10, ge=1, le=1_000, title="Repeats", description="How often.")
    random_state: Seed = 0


class RepeatedStratifiedKFold(CvConfig):
    """stratified_k_fold several times, each time drawn anew."""

    type: Literal["repeated_stratified_k_fold"] = "repeated_stratified_k_fold"
    folds: Folds = 5
    repeats: StrictInt = Field(default=10, ge=1, le=1_000, title="Repeats", description="How often.")
    random_state: Seed = 0


FlatValidation: TypeAlias = (
    KFold | StratifiedKFold | GroupKFold | StratifiedGroupKFold | TimeSeries | ShuffleSplit | StratifiedShuffleSplit
    | RepeatedKFold | RepeatedStratifiedKFold
)  # fmt: skip
Flat: TypeAlias = Annotated[FlatValidation, Field(discriminator="type")]


class Nested(CvConfig):
    """Outer folds that judge, and inner folds, of the outer training rows only, on which is chosen."""

    type: Literal["nested"] = "nested"
    outer: Flat = Field(default=KFold(), title="Outer", description="Folds that the choice is judged on.")
    inner: Flat = Field(default=KFold(), title="Inner", description="Folds on which is chosen.")


CrossValidation: TypeAlias = FlatValidation | Nested

MODES: dict[str, type[CvConfig]] = {
    str(mode.model_fields["type"].default): mode
    for mode in (
        KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold, TimeSeries, ShuffleSplit, StratifiedShuffleSplit,
        RepeatedKFold, RepeatedStratifiedKFold, Nested,
    )
}  # fmt: skip
_READER: TypeAdapter[CrossValidation] = TypeAdapter(Annotated[CrossValidation, Field(discriminator="type")])


def read_cv(raw: CrossValidation | Mapping[str, object], pointer: str = "/cv") -> CrossValidation:
    """Return a configuration that was written as an object. Raises InvalidConfigError with all problems.

    >>> read_cv({"type": "k_fold", "folds": 3}).folds
    3
    >>> read_cv({"type": "kfold"})
    Traceback (most recent call last):
    skyulf_core.problems.InvalidConfigError: /cv/type: There is no mode 'kfold'. Did you mean 'k_fold'?
    """
    if isinstance(raw, CvConfig):
        return raw
    problems = _mode_problems(raw, pointer)
    if problems:
        raise InvalidConfigError(problems)
    try:
        return _READER.validate_python(raw)
    except ValidationError as error:
        raise InvalidConfigError(_problems(error, raw, pointer)) from None


def _mode_problems(raw: object, pointer: str) -> list[Problem]:
    if not isinstance(raw, Mapping):
        message = f"Cross-validation is an object with a type, one of: {', '.join(MODES)}."
        return [Problem(pointer, message, "wrong-type", field="cv")]
    name = raw.get("type")
    if not isinstance(name, str) or name not in MODES:
        message = "The type is missing." if name is None else f"There is no mode {name!r}."
        hint = did_you_mean(str(name), MODES) or f"There are: {', '.join(MODES)}."
        return [Problem(f"{pointer}/type", message, "unknown-mode", field="type", suggestion=hint)]
    if name != "nested":
        return []
    found = []
    for part in ("outer", "inner"):
        inner = raw.get(part, KFold())
        if isinstance(inner, CvConfig):
            continue
        if isinstance(inner, Mapping) and inner.get("type") == "nested":
            message = "Nested folds are two deep: outer and inner are plain modes."
            found.append(Problem(f"{pointer}/{part}/type", message, "unknown-mode", field="type"))
        else:
            found += _mode_problems(inner, f"{pointer}/{part}")
    return found


def _problems(error: ValidationError, raw: Mapping[str, object], pointer: str) -> list[Problem]:
    """Return one problem per field."""
    found: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_context=False):
        keys = [str(part) for part in item["loc"] if str(part) in ("outer", "inner")]
        inner = raw.get(keys[0]) if keys else raw
        mode = MODES[str(inner["type"])] if isinstance(inner, Mapping) else Nested
        names = [str(part) for part in item["loc"] if isinstance(part, str)]
        name = next((part for part in reversed(names) if part in mode.model_fields), names[-1] if names else None)
        at = "/".join([pointer, *keys, *([pointer_part(name)] if name and name not in keys else [])])
        found.setdefault(at, _problem(item["type"], item["msg"], at, name, mode))
    return list(found.values())


def _problem(kind: str, text: str, at: str, name: str | None, mode: type[CvConfig]) -> Problem:
    fields = list(mode.model_fields)
    title = mode.model_fields["type"].default
    if kind == "extra_forbidden":
        hint = " ".join(filter(None, (did_you_mean(str(name), fields), f"It has: {', '.join(fields)}.")))
        return Problem(at, f"{title} has no parameter {name!r}.", "unknown-param", field=name, suggestion=hint)
    if kind == "missing":
        return Problem(at, f"{title} needs {name!r}.", "missing-param", field=name)
    message = text.removeprefix("Value error, ").rstrip(".")
    return Problem(at, f"{message[:1].upper()}{message[1:]}.", "invalid-value", field=name)
