"""What runs in child processes: training, and the check of what training has made.

This is the only module that touches people's data. It gets local paths and a specification, holds no key, and knows
neither database nor network.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import polars as pl
from pydantic import JsonValue
from skyulf_core import CoreError, DataError, InvalidConfigError, Pipeline
from skyulf_core.bundle import verify
from skyulf_core.serving import PlanError
from skyulf_service.work.failures import ChildError

Report = Callable[[float, str], None]
Spec = Mapping[str, JsonValue]
FRAMEWORK = "scikit-learn"


def train(spec: Spec, report: Report) -> dict[str, JsonValue]:
    """Fit and judge a pipeline on a Parquet file, and write its bundle.

    ``spec`` has ``config``, ``data`` (a path), ``sources`` (paths by the name of a further source), ``node_files``
    (the only folder whose files nodes may read) and ``bundle`` (a folder to be made). What a person may act on is
    raised as `ChildError`.
    """
    report(0.0, "read data")
    try:
        pipeline = Pipeline.from_config(cast("Mapping[str, object]", spec["config"]))
        _require_allowed(pipeline.files, Path(str(spec["node_files"])))
        pipeline.fit(
            _frames(spec, pipeline.main_source), report=lambda fraction, step: report(0.05 + 0.9 * fraction, step)
        )
        report(0.96, "save")
        pipeline.save(str(spec["bundle"]))
    except InvalidConfigError as error:
        raise ChildError("invalid-pipeline", str(error)) from error
    except DataError as error:
        raise ChildError(error.reason, str(error)) from error
    except CoreError as error:
        raise ChildError(error.code, str(error)) from error
    except ValueError as error:
        # what scikit-learn says of values that do not fit is for the person who chose them
        raise ChildError("training-failed", _first_line(error)) from error
    return _summary(pipeline)


def check(spec: Spec, report: Report) -> dict[str, JsonValue]:
    """Replay a bundle's golden rows as a server would; ``spec`` has ``bundle``. A wrong answer is a `ChildError`."""
    report(0.0, "check")
    try:
        found = verify(Path(str(spec["bundle"])))
    except PlanError as error:
        raise ChildError("bundle-refused", f"The trained model does not repeat its answers: {error}") from error
    return {"rows": found.rows, "largest_difference": found.largest_difference, "tolerance": found.tolerance}


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


def _frames(spec: Spec, main: str) -> dict[str, pl.DataFrame]:
    further = cast("Mapping[str, str]", spec.get("sources") or {})
    return {name: pl.read_parquet(path) for name, path in {main: str(spec["data"]), **further}.items()}


def _summary(pipeline: Pipeline) -> dict[str, JsonValue]:
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
