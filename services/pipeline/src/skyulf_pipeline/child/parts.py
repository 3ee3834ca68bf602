"""What all jobs' children share: how they read what they are given, and what they say of what they have made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

import polars as pl
from pydantic import JsonValue
from skyulf_core import CoreError, DataError, InvalidConfigError, Pipeline
from skyulf_service.work.failures import ChildError

Report = Callable[[float, str], None]
Spec = Mapping[str, JsonValue]
FRAMEWORK = "scikit-learn"


class Telling(Protocol):
    """Reports how far the work is, and tells what has happened."""

    def __call__(self, fraction: float, step: str) -> None:
        """Report."""

    def tell(self, value: Mapping[str, object]) -> None:
        """Tell."""


@contextmanager
def facts() -> Iterator[None]:
    """Raise what the library says of a pipeline and its data as `ChildError`."""
    try:
        yield
    except InvalidConfigError as error:
        raise ChildError("invalid-pipeline", str(error)) from error
    except DataError as error:
        raise ChildError(error.reason, str(error)) from error
    except CoreError as error:
        raise ChildError(error.code, str(error)) from error
    except ValueError as error:
        # what scikit-learn says of values that do not fit is for the person who chose them
        raise ChildError("training-failed", _first_line(error)) from error


def allowed_pipeline(spec: Spec) -> Pipeline:
    """The pipeline of a specification; a file that its nodes may not read is a `ChildError`."""
    pipeline = Pipeline.from_config(cast("Mapping[str, object]", spec["config"]))
    _require_allowed(pipeline.files, Path(str(spec["node_files"])))
    return pipeline


def part_of(report: Report, first: float, last: float) -> Report:
    """Report what is a part of the work, which begins at ``first`` and ends at ``last`` of the whole."""
    return lambda fraction, step: report(first + (last - first) * fraction, step)


def _require_allowed(files: Sequence[tuple[str, str]], folder: Path) -> None:
    """Raise `ChildError` for a file outside of the folder: a graph comes from a user, and files are the machine's."""
    allowed = folder.resolve()
    for pointer, path in files:
        if not all(found.resolve().is_relative_to(allowed) for found in _with_all_below(Path(path))):
            message = (
                f"{pointer}: {path!r} is not a file that jobs may read. The operator of this server decides which are "
                "(SKYULF_PIPELINE_NODE_FILES); name one of those by its whole path."
            )
            raise ChildError("file-refused", message)


def _with_all_below(path: Path) -> Iterator[Path]:
    """Yield a path and, where it is a folder, all that lies in it: a link in there may lead anywhere too."""
    yield path
    if path.is_dir():
        yield from path.rglob("*")


def read_frames(spec: Spec, main: str) -> dict[str, pl.DataFrame]:
    """The tables of a specification by the name of their source."""
    further = cast("Mapping[str, str]", spec.get("sources") or {})
    return {name: pl.read_parquet(path) for name, path in {main: str(spec["data"]), **further}.items()}


def summary(pipeline: Pipeline) -> dict[str, JsonValue]:
    """What is said of a fitted pipeline; one without a model is a `ChildError`."""
    fitted = pipeline.fitted
    if fitted.model is None or fitted.task is None or fitted.target is None:
        raise ChildError("missing-model", "The pipeline trains no model; name one under 'model'.")
    metrics = {} if fitted.evaluation is None else fitted.evaluation.metrics
    classes: JsonValue = None if fitted.classes is None else list(fitted.classes)
    return {
        "task": fitted.task,
        "target": fitted.target,
        "classes": classes,
        "estimator": fitted.model.node,
        "framework": FRAMEWORK,
        "metrics": cast("JsonValue", dict(metrics)),
    }


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
