"""One trace from the upload to the prediction, through every hop; drawn into the guide with ``WRITE_DOCS=1``."""

import os
import re
from pathlib import Path

import pytest
from harness.otlp import Span
from observability.conftest import Story
from observability.trees import drawn, places

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "observe.md"
DRAWN = re.compile(r"(?<=<!-- trace -->\n```text\n).*?(?=```\n<!-- /trace -->)", re.DOTALL)
DEPLOYMENTS, PREDICT = "POST /api/v1/deployments", "POST /api/v1/deployments/{name}/predict"
RUNS, DATASETS = "POST /api/v1/pipelines/{pipeline_id}/runs", "POST /api/v1/datasets"

# What must be in the trace: each span below its ancestors, with the process of the distributed form that does it.
IMPORT = (f"gateway api: {DATASETS}", f"ingestion api: {DATASETS}")
TRAIN = (f"gateway api: {RUNS}", f"pipeline api: {RUNS}")
DEPLOY = (f"gateway api: {DEPLOYMENTS}", f"registry api: {DEPLOYMENTS}")
ASK = (f"gateway api: {PREDICT}", f"inference api: {PREDICT}")
WORK = (*TRAIN, "pipeline runner: job.run")
WISHED = (*DEPLOY, "inference worker: consume io.skyulf.model.deployed.v1")
EXPECTED = [
    IMPORT,
    (*IMPORT, "ingestion worker: publish io.skyulf.dataset.created.v1"),
    (*IMPORT, "gateway worker: consume io.skyulf.dataset.created.v1"),
    (*IMPORT, "ingestion runner: dataset.import"),
    (*IMPORT, "ingestion runner: dataset.import", "ingestion runner: child normalise"),
    (*IMPORT, "ingestion runner: dataset.import", "ingestion worker: publish io.skyulf.dataset.profiled.v1"),
    (*IMPORT, "ingestion runner: dataset.import", "pipeline worker: consume io.skyulf.dataset.profiled.v1"),
    TRAIN,
    (*TRAIN, "pipeline worker: publish io.skyulf.job.queued.v1"),
    WORK,
    (*WORK, "pipeline runner: child train"),
    (*WORK, "pipeline runner: child check"),
    (*WORK, "pipeline worker: publish io.skyulf.job.completed.v1"),
    (*WORK, "registry worker: consume io.skyulf.job.completed.v1"),
    (
        *WORK,
        "registry worker: consume io.skyulf.job.completed.v1",
        "registry worker: publish io.skyulf.model.registered.v1",
    ),
    DEPLOY,
    (*DEPLOY, "registry worker: publish io.skyulf.model.deployed.v1"),
    WISHED,
    (*WISHED, "inference api: model.swap"),
    (*WISHED, "inference worker: deployment.announce"),
    (*WISHED, "inference worker: deployment.announce", "inference worker: publish io.skyulf.deployment.ready.v1"),
    (*WISHED, "inference worker: deployment.announce", "registry worker: consume io.skyulf.deployment.ready.v1"),
    ASK,
    (*ASK, "inference api: predict"),
]


def expected(form: str) -> set[tuple[str, ...]]:
    """In one process everything is done by it."""
    if form == "distributed":
        return set(EXPECTED)
    return {tuple(f"standalone embedded: {name.partition(': ')[2]}" for name in place) for place in EXPECTED}


@pytest.fixture(scope="session")
def spans(story: Story) -> list[Span]:
    wanted = expected(story.observed.skyulf.form)
    return story.observed.receiver.trace(story.trace_id, lambda found: wanted <= set(places(found)))


def test_every_hop_from_the_upload_to_the_prediction_is_in_its_place(story: Story, spans: list[Span]) -> None:
    assert expected(story.observed.skyulf.form) - set(places(spans)) == set(), drawn(spans)
    assert not [span.name for span in spans if span.failed]


def test_what_one_hop_causes_does_not_begin_before_it(spans: list[Span]) -> None:
    known = {span.id: span for span in spans}
    ahead = [
        f"{span.name} before {known[span.parent_id].name}"
        for span in spans
        if span.parent_id in known and span.began < known[span.parent_id].began - 0.001
    ]

    assert ahead == []
    assert all(span.ended >= span.began for span in spans)


def test_children_tell_their_steps_and_their_memory_and_predictions_which_version_answered(spans: list[Span]) -> None:
    train = next(span for span in spans if span.name == "child train")
    predict = next(span for span in spans if span.name == "predict")

    assert len(train.events) >= 2
    assert int(train.attributes["skyulf.child.peak_memory_bytes"]) > 10 << 20
    assert (predict.attributes["skyulf.model"], predict.attributes["skyulf.model_version"]) == ("seen", 1)
    assert predict.attributes["skyulf.rows"] == 2


def test_the_guide_shows_this_trace(story: Story, spans: list[Span]) -> None:
    page, form = GUIDE.read_text(), story.observed.skyulf.form
    if os.environ.get("WRITE_DOCS") == "1" and (form == "distributed" or "distributed form\n" not in page):
        page = DRAWN.sub(lambda _: f"{form} form\n{drawn(spans)}\n", page)
        GUIDE.write_text(page)

    shown = DRAWN.search(page)

    assert shown is not None
    for place in expected(shown[0].split()[0]):  # times differ from run to run, the hops do not
        process, _, name = place[-1].partition(": ")
        assert re.search(rf"^ *\d+ ms +{re.escape(name)} +{process} +\d", shown[0], re.MULTILINE), place
