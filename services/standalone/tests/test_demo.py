"""`skyulf demo`: it tells the whole story, and leaves nothing behind however it ends."""

import random
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from skyulf_client import Skyulf
from skyulf_core import Schema, validate_config
from skyulf_service.testing.ports import wait_until
from skyulf_service.testing.processes import ServiceProcess
from skyulf_standalone.demo_data import KNOWN_BEFORE, Flights, prepare
from skyulf_standalone.demo_pipelines import DEPLOYMENT, MODEL, PIPELINES
from skyulf_standalone.demo_report import roc_auc
from skyulf_standalone.demo_server import own_server

ROWS = "3000"


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    return prepare(tmp_path_factory.mktemp("flights"), rows=None)


def demo(folder: Path, *arguments: str) -> ServiceProcess:
    env = {"TMPDIR": str(folder), "SKYULF_HOME": "/nowhere", "SKYULF_FORM": "distributed"}  # neither is for the demo
    return ServiceProcess(
        [sys.executable, "-m", "skyulf_client.main", "demo", "--rows", ROWS, *arguments],
        name="demo", folder=folder, env=env,
    )  # fmt: skip


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files, empty in the end except for the demo's log."""
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir() if path.name != "demo.log"] == []


def test_the_demo_tells_the_whole_story(temporary: Path) -> None:
    with demo(temporary) as process:
        assert process.started().wait(120) == 0, process.log_text()
        process.marker.assert_no_orphans()

    told = process.log_text()
    names = ("dataset.profiled", "job.completed", "model.registered", "model.deployed", "deployment.ready")
    for word in (*names, *PIPELINES, "roc_auc", "ROC AUC", "3,000 to learn from", "skyulf up"):
        assert word in told
    assert "\x1b" not in told, "no colours and no cursor where there is no terminal"


def test_a_running_skyulf_keeps_what_the_demo_made(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    with own_server(tmp_path / "home") as credentials:
        with demo(temporary, "--url", credentials.url, "--api-key", credentials.api_key) as process:
            assert process.started().wait(120) == 0, process.log_text()
        with Skyulf(credentials.url, credentials.api_key) as skyulf:
            assert skyulf.deployments.get(DEPLOYMENT).status == "ready"
            assert skyulf.models.get(MODEL).latest_version == len(PIPELINES)

    assert [path.name for path in temporary.iterdir()] == ["demo.log"]


@pytest.mark.parametrize(
    ("step", "end"),
    [("1. ", signal.SIGINT), ("1. ", signal.SIGHUP), ("4. ", signal.SIGINT), ("4. ", signal.SIGTERM)],
    ids=["starting-int", "starting-hup", "training-int", "training-term"],
)
def test_an_interrupted_demo_leaves_nothing_behind(temporary: Path, end: signal.Signals, step: str) -> None:
    with demo(temporary) as process:
        wait_until(lambda: f"\n{step}" in process.log_text(), what=f"step {step}", timeout=90, alive=process.is_alive)
        process.marker.observe()

        process.started().send_signal(end)

        assert process.started().wait(30) == 128 + end
        process.marker.assert_no_orphans()
    assert "Traceback" not in process.log_text()


def test_a_killed_demo_takes_its_server_along(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_until(lambda: "\n4. " in process.log_text(), what="training", timeout=90, alive=process.is_alive)

        process.kill()

        process.marker.assert_no_orphans(grace=30)


def test_held_out_flights_are_not_uploaded(flights: Flights) -> None:
    uploaded = pl.read_csv(flights.file)

    assert uploaded.height == flights.rows
    assert flights.rows + len(flights.truth) + flights.without_arrival == 336_776
    assert set(uploaded.columns) == {*KNOWN_BEFORE, "late"}
    assert all(set(row) == set(KNOWN_BEFORE) for row in flights.held_out)
    late = uploaded["late"].sum() + sum(flights.truth)
    assert late == 77_630


def test_a_part_of_the_flights_is_drawn_the_same_each_time(tmp_path: Path, flights: Flights) -> None:
    first, second = (prepare(tmp_path, rows=500) for _ in range(2))

    assert first.rows == 500
    assert first.held_out == second.held_out == flights.held_out


@pytest.mark.parametrize("name", PIPELINES)
def test_the_demo_pipelines_fit_its_data(name: str, flights: Flights) -> None:
    config: Mapping[str, object] = PIPELINES[name]

    found = validate_config(config, Schema.from_frame(pl.read_csv(flights.file, try_parse_dates=True)))

    assert found.problems == []


def test_roc_auc_is_scikit_learns() -> None:
    draw = random.Random(7)
    truth = [draw.random() < 0.3 for _ in range(400)]
    scores = [round(draw.random() + late / 4, 1) for late in truth]  # rounded: many ties

    assert roc_auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))
