"""Writing a bundle."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from skyulf_core.bundle.document import serving_document
from skyulf_core.fitted import FittedPipeline
from skyulf_core.serving.arrays import ArrayWriter
from skyulf_core.serving.explaining.background import BACKGROUND_FILE, BACKGROUND_FORMAT
from skyulf_core.serving.golden import GOLDEN_FILE
from skyulf_core.serving.plan import PLAN_FILE, PLAN_FORMAT

BUNDLE_FORMAT = "skyulf.bundle/1"
GRAPH_FILE = "graph.json"
DECISIONS_FILE = "decisions.json"
_PACKAGES = ("skyulf-core", "numpy", "polars", "scikit-learn", "pydantic")


def write(fitted: FittedPipeline, directory: Path | str) -> list[str]:
    """Write a bundle into a folder, new, empty or holding an older bundle; return the names of its files.

    Each file appears whole, `graph.json` last: a folder without it is not a bundle. Raises FileExistsError for a folder
    that holds something else.
    """
    folder = Path(directory)
    _make_room(folder)
    files = bundle_files(fitted)
    for name in sorted(files, key=lambda name: name == GRAPH_FILE):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(files[name])
        os.replace(part, path)
    return sorted(files)


def bundle_files(fitted: FittedPipeline) -> dict[str, bytes]:
    """Return the bytes of every file of a bundle by name."""
    arrays = ArrayWriter()
    documents: dict[str, object] = {
        "schema.json": {"format": BUNDLE_FORMAT, "columns": fitted.input_schema.to_dicts()},
        "versions.json": versions(),
    }
    steps = []
    for i, step in enumerate(fitted.steps):
        stem = f"nodes/{i}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', step.node)}"
        params = arrays.encode(step.params, f"{stem}.npy")
        wiring = {"inputs": step.inputs, "columns": step.columns}
        documents[f"{stem}.json"] = {
            "id": step.id, "node": step.node, "config": step.config, "params": params,
            **{key: list(names) for key, names in wiring.items() if names is not None},
        }  # fmt: skip
        steps.append(f"{stem}.json")
    if fitted.model is not None:
        # before the plan, whose arrays are these: they are stored once
        params = arrays.encode(fitted.model.params, "estimator/model.npy")
        model = fitted.model
        documents["estimator/model.json"] = {
            "node": model.node, "config": model.config, "features": list(model.features), "params": params,
        }  # fmt: skip
        documents[PLAN_FILE] = arrays.encode(serving_document(fitted).to_dict(), "plan.npy")
    if fitted.golden is not None:
        recorded = asdict(fitted.golden)
        documents[GOLDEN_FILE] = {key: value for key, value in recorded.items() if key != "scores" or value is not None}
    if fitted.background:
        documents[BACKGROUND_FILE] = {"format": BACKGROUND_FORMAT, "rows": fitted.background}
    if fitted.evaluation is not None:
        documents["evaluation.json"] = fitted.evaluation.to_dict()
    decisions = fitted.decisions()
    if decisions:
        documents[DECISIONS_FILE] = decisions
    documents[GRAPH_FILE] = {
        "format": BUNDLE_FORMAT,
        "config": fitted.config,
        "task": fitted.task,
        "target": fitted.target,
        "classes": None if fitted.classes is None else list(fitted.classes),
        "steps": steps,
        "model": None if fitted.model is None else "estimator/model.json",
        "golden": fitted.golden is not None,
        "evaluation": fitted.evaluation is not None,
        **({"decisions": True} if decisions else {}),
        **({"background": True} if fitted.background else {}),
    }
    encoded = {name: json.dumps(document, allow_nan=False).encode() for name, document in documents.items()}
    return encoded | arrays.files()


def versions() -> dict[str, str]:
    """Return what a bundle was made with."""
    made_with = {package: version(package) for package in _PACKAGES}
    return {"bundle": BUNDLE_FORMAT, "plan": PLAN_FORMAT, "python": platform.python_version(), **made_with}


def _make_room(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        return
    if not (folder / GRAPH_FILE).is_file():
        raise FileExistsError(f"{folder} holds files that are not a bundle; choose an empty folder")
    (folder / GRAPH_FILE).unlink()
    documents = ("schema.json", "versions.json", "evaluation.json", DECISIONS_FILE, GOLDEN_FILE, BACKGROUND_FILE)
    for name in (PLAN_FILE, "plan.npy", *documents):
        (folder / name).unlink(missing_ok=True)
    for name in ("nodes", "estimator"):
        shutil.rmtree(folder / name, ignore_errors=True)
