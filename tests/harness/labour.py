"""Processes that work on jobs, found from outside: each works in the scratch folder of its job."""

import psutil

from harness.api import Api, Json
from harness.configs import SPLIT, Config
from harness.flights import CATEGORIES
from harness.form import Skyulf

SCRATCH = "/scratch/pipeline/process-"


def at_work(skyulf: Skyulf) -> list[psutil.Process]:
    """The installation's processes that work on a job now."""
    skyulf.marker.observe()  # a job's process does not inherit the marker
    return [process for process in skyulf.marker.alive() if SCRATCH in place_of(process)]


def place_of(process: psutil.Process) -> str:
    """The folder that a process works in; empty where it has ended."""
    try:
        return process.cwd()
    except (psutil.Error, OSError):
        return ""


def lengthy(rounds: int) -> Config:
    """A training of flights that takes a while: about 4 ms for each of its rounds."""
    model = {"max_iter": rounds, "early_stopping": False, "random_state": 0}
    return {
        "steps": [SPLIT, {"node": "OrdinalEncoder", "config": {"columns": CATEGORIES}}],
        "model": {"node": "hist_gradient_boosting_classifier", "config": model},
    }


def begun(
    skyulf: Skyulf, api: Api, dataset_id: str, *, name: str, rounds: int, tuning: Json | None = None
) -> tuple[Json, list[psutil.Process]]:
    """Queue a lengthy job (with ``tuning`` a search); returns it and its processes as soon as there are any."""
    body = {"name": name, "config": lengthy(rounds), "register_as": name}
    pipeline = api.ok("POST", "/pipelines", json=body)
    kind, asked = ("runs", {}) if tuning is None else ("tunings", {"tuning": tuning})
    job = api.ok("POST", f"/pipelines/{pipeline['id']}/{kind}", json={"dataset_id": dataset_id, **asked})
    return job, api.eventually(lambda: at_work(skyulf), what=f"somebody works on {name}")
