"""Reading a bundle back into a fitted pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from skyulf_core.bundle.writing import BUNDLE_FORMAT, DECISIONS_FILE, GRAPH_FILE
from skyulf_core.fitted import FittedModel, FittedPipeline, FittedStep, Golden
from skyulf_core.params import Params
from skyulf_core.schema import Schema
from skyulf_core.serving.arrays import ArrayReader
from skyulf_core.serving.explaining.background import read_background
from skyulf_core.serving.files import BundleFiles, open_files, read_json, reading
from skyulf_core.serving.golden import GOLDEN_FILE

if TYPE_CHECKING:
    from pydantic import JsonValue

    from skyulf_core.evaluation import Evaluation
    from skyulf_core.nodes.base import Label, Task


def read(source: Path | str | Mapping[str, bytes]) -> FittedPipeline:
    """Return the fitted pipeline of a bundle, from its folder or from its files' bytes by name.

    Raises PlanError where a file is missing, broken or of a unknown format. Nothing is executed.
    """
    files = open_files(source)
    graph = read_json(files, GRAPH_FILE, format_name=BUNDLE_FORMAT)
    with reading("the bundle"):
        return _fitted(files, graph)


def _fitted(files: BundleFiles, graph: dict[str, object]) -> FittedPipeline:
    arrays = ArrayReader(files)
    columns = read_json(files, "schema.json", format_name=BUNDLE_FORMAT)["columns"]
    classes = cast("list[Label] | None", graph["classes"])
    return FittedPipeline(
        config=cast("dict[str, JsonValue]", graph["config"]),
        input_schema=Schema.from_dicts(cast("list[dict[str, object]]", columns)),
        steps=tuple(_step(files, arrays, str(name)) for name in cast("list[str]", graph["steps"])),
        model=_model(files, arrays, str(graph["model"])) if graph["model"] is not None else None,
        task=cast("Task | None", graph["task"]),
        target=cast("str | None", graph["target"]),
        classes=None if classes is None else tuple(classes),
        evaluation=_evaluation(files) if graph["evaluation"] else None,
        golden=_golden(files) if graph["golden"] else None,
        background=cast("list[dict[str, JsonValue]]", read_background(files)) if graph.get("background") else None,
        **(_decisions(files) if graph.get("decisions") else {}),  # type: ignore[arg-type]
    )


def _decisions(files: BundleFiles) -> dict[str, object]:
    from skyulf_core.serving.conformal import Conformal
    from skyulf_core.validation.calibration import Calibration
    from skyulf_core.validation.thresholds import Threshold

    data = cast("dict[str, dict[str, object]]", read_json(files, DECISIONS_FILE))
    readers = {"threshold": Threshold.from_dict, "calibration": Calibration.from_dict, "conformal": Conformal.from_dict}
    return {name: read(data[name]) for name, read in readers.items() if name in data}


def _step(files: BundleFiles, arrays: ArrayReader, name: str) -> FittedStep:
    data = read_json(files, name)
    config = cast("dict[str, JsonValue]", data["config"])
    params = Params(arrays.decode(data["params"]))
    return FittedStep(
        str(data["id"]), str(data["node"]), config, params, _names(data, "inputs"), _names(data, "columns")
    )


def _names(data: dict[str, object], key: str) -> tuple[str, ...] | None:
    names = data.get(key)
    return None if names is None else tuple(map(str, cast("list[str]", names)))


def _model(files: BundleFiles, arrays: ArrayReader, name: str) -> FittedModel:
    data = read_json(files, name)
    config, features = cast("dict[str, JsonValue]", data["config"]), cast("list[str]", data["features"])
    return FittedModel(str(data["node"]), config, Params(arrays.decode(data["params"])), tuple(map(str, features)))


def _golden(files: BundleFiles) -> Golden:
    return Golden(**cast("dict[str, list[JsonValue]]", read_json(files, GOLDEN_FILE)))  # type: ignore[arg-type]


def _evaluation(files: BundleFiles) -> Evaluation:
    from skyulf_core.evaluation import Evaluation  # imports scikit-learn

    return Evaluation.from_dict(read_json(files, "evaluation.json"))
