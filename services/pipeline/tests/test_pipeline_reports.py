"""Reports of jobs: made with the model, kept beside it, shown without harm; and figures that go where metrics go."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import psutil
import pytest
from pipeline_street import OTHER_PROJECT, Street, penguins, penguins_config
from skyulf_core import Pipeline
from skyulf_core.bundle import verify
from skyulf_events import JobCompleted
from skyulf_pipeline.child.reporting import _limited, hand_over
from skyulf_pipeline.main import BUCKET
from skyulf_service.work.failures import ChildError

HOSTILE = "<script>alert(1)</script>"
BIDI = "\u202egnp.exe\u2066"
LONG = "x" * 240
SLOW = {"node": "random_forest_classifier", "config": {"n_estimators": 200}}


class Elements(HTMLParser):
    """What a browser would find in a page: elements, and attributes that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.dangerous: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        self.tags.add(tag)
        for name, value in attrs:
            asks = name in ("href", "src", "xlink:href", "action") and not (value or "").startswith(
                ("#", "data:image/")
            )
            if name.startswith("on") or asks:
                self.dangerous.append(f"{tag} {name}={value}")


def deciding_config() -> dict[str, object]:
    """A pipeline that learns the sex of penguins, and decides on thresholds, probabilities and sets."""
    config = penguins_config()
    config["steps"][0]["config"] = {"target": "sex", "drop_missing_target": True, "random_state": 7}  # type: ignore[index]
    config["steps"][2]["config"] = {"columns": ["island", "species"]}  # type: ignore[index]
    config["validation"] = {
        "threshold": {"by": "recall", "at_least": 0.9},
        "calibration": {"method": "isotonic"},
        "conformal": {},
    }
    return config


async def logs(street: Street, job_id: object) -> list[dict[str, str]]:
    answer = await street.caller().get(f"/api/v1/jobs/{job_id}/logs", params={"limit": 200})
    found: list[dict[str, str]] = answer.json()["items"]
    return found


def at_work_in(process: psutil.Process, folder: Path) -> bool:
    """Whether a process works on a job; those that wait, and the guards of others, have not gone there."""
    with suppress(psutil.Error):
        return Path(process.cwd()).is_relative_to(folder.resolve())
    return False


async def test_a_run_has_a_report_and_tells_how_sure_its_metrics_are(lane: Street) -> None:
    job = await lane.queued(config=deciding_config())
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed")
    assert job["status"] == "succeeded", job
    assert job["has_report"], await logs(lane, job["id"])

    interval = job["intervals"]["accuracy"]
    assert interval["low"] <= job["metrics"]["accuracy"] <= interval["high"]
    assert (interval["low"] < interval["high"], interval["confidence"]) == (True, 0.95)
    assert set(job["decisions"]) == {"threshold", "calibration", "conformal"}
    assert job["decisions"]["calibration"]["method"] == "isotonic"
    amounts = [each["importance"] for each in job["importances"]]
    assert amounts == sorted(amounts, reverse=True)
    assert {"body_mass_g", "bill_depth_mm"} <= {each["name"] for each in job["importances"]}
    done = (await lane.events(JobCompleted))[-1].model_dump(mode="json")
    assert {name: done[name] for name in ("intervals", "decisions", "importances")} == {
        name: job[name] for name in ("intervals", "decisions", "importances")
    }

    page = await lane.caller().get(f"/api/v1/jobs/{job['id']}/report")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    assert page.text.startswith("<!doctype html>")
    assert "<svg" in page.text
    document = await lane.caller().get(f"/api/v1/jobs/{job['id']}/report", params={"format": "json"})
    assert document.headers["content-type"] == "application/json"
    estimates = {metric["name"]: metric["estimate"] for metric in document.json()["metrics"]}
    assert estimates["accuracy"] == job["metrics"]["accuracy"]
    card = await lane.caller().get(f"/api/v1/jobs/{job['id']}/report", params={"format": "markdown"})
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "held-out rows" in card.text
    other = lane.caller(project=OTHER_PROJECT)
    assert (await other.get(f"/api/v1/jobs/{job['id']}/report")).status_code == 404
    wrong = await lane.caller().get(f"/api/v1/jobs/{job['id']}/report", params={"format": "exe"})
    assert wrong.status_code == 422


async def test_a_job_that_has_not_ended_has_no_report(street: Street) -> None:
    job = await street.queued()

    answer = await street.caller().get(f"/api/v1/jobs/{job['id']}/report")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-report")
    assert not job["has_report"]


async def test_names_and_labels_in_a_report_do_nothing(street: Street) -> None:
    frame = penguins().rename({"bill_length_mm": HOSTILE, "bill_depth_mm": LONG, "body_mass_g": BIDI})
    frame = frame.with_columns(
        species=pl.col("species").replace({"Adelie": "</title><img src=x onerror=alert(1)>", "Gentoo": BIDI})
    )
    job = await street.queued(frame=frame)
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")
    assert job["status"] == "succeeded", job
    assert job["has_report"], await logs(street, job["id"])

    page = (await street.caller().get(f"/api/v1/jobs/{job['id']}/report")).text
    found = Elements()
    found.feed(page)
    assert not {"script", "iframe", "object", "embed", "form", "base", "link", "foreignobject"} & found.tags
    assert found.dangerous == []
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    card = (await street.caller().get(f"/api/v1/jobs/{job['id']}/report", params={"format": "markdown"})).text
    assert HOSTILE not in card
    assert "\u202e" not in card
    assert HOSTILE in {each["name"] for each in job["importances"]}, "as data it is what it is"


async def test_a_child_that_dies_of_its_report_leaves_a_model_and_a_warning(street: Street) -> None:
    config = penguins_config()
    config["model"] = SLOW
    job = await street.queued(config=config, frame=pl.concat([penguins()] * 40))
    async with street.working():
        while (job := await street.job(job["id"]))["step"] != "report":
            assert job["status"] in ("queued", "running"), job
            await asyncio.sleep(0.05)
        for child in psutil.Process().children(recursive=True):
            if at_work_in(child, street.parts.settings.scratch_folder):
                child.kill()
        job = await street.until(job["id"], "succeeded", "failed")

    assert job["status"] == "succeeded", job
    assert (job["has_report"], job["intervals"], job["importances"]) == (False, {}, [])
    assert job["metrics"]["accuracy"] > 0.9
    warnings = [line["message"] for line in await logs(street, job["id"]) if line["level"] == "warning"]
    assert warnings == ["No report was made: The work crashed by SIGKILL."]
    answer = await street.caller().get(f"/api/v1/jobs/{job['id']}/report")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-report")


def test_what_keeps_a_report_from_being_written_is_told_and_the_model_is_made(tmp_path: Path) -> None:
    told: list[Mapping[str, object]] = []

    class Listening:
        def __call__(self, fraction: float, step: str) -> None:
            """Nothing to be seen."""

        def tell(self, value: Mapping[str, object]) -> None:
            """Remember."""
            told.append(value)

    (tmp_path / "file").write_text("no folder")
    pipeline = Pipeline.from_config(penguins_config()).fit(penguins())
    spec = {
        "bundle": str(tmp_path / "bundle"),
        "report": str(tmp_path / "file" / "report"),
        "ends_at": time.time() + 60,
    }

    made = hand_over(pipeline, spec, Listening())

    assert "Not a directory" in str(made["report_problem"])
    assert told == [{"trained": {name: value for name, value in made.items() if name != "report_problem"}}]
    assert verify(tmp_path / "bundle").rows > 0
    late = {**spec, "bundle": str(tmp_path / "late"), "report": str(tmp_path / "report"), "ends_at": time.time() - 60}
    slow = Pipeline.from_config({**penguins_config(), "model": SLOW}).fit(pl.concat([penguins()] * 20))
    assert hand_over(slow, late, Listening())["report_problem"] == "it took longer than 1 seconds"


async def test_a_report_lies_beside_the_bundle_and_not_in_it(street: Street) -> None:
    job = await street.queued()
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")
    done = (await street.events(JobCompleted))[-1]
    assert isinstance(done, JobCompleted)
    assert done.artifact is not None
    signed = json.loads(await street.parts.objects(BUCKET).get_bytes(done.artifact.key))

    paths = {file["path"] for file in signed["manifest"]["files"]}
    assert "evaluation.json" in paths
    assert not any("report" in path or path.endswith((".html", ".md")) for path in paths)


def test_an_end_that_is_swallowed_comes_again() -> None:
    def swallowing() -> None:
        with suppress(ChildError):  # as the garbage collector does where it falls into a callback
            time.sleep(30)
        time.sleep(30)

    began = time.monotonic()

    with pytest.raises(ChildError, match="longer than"), _limited(0.1):
        swallowing()

    assert time.monotonic() - began < 20
