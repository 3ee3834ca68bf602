"""A real Prometheus scrapes a running system: every query of the dashboards has an answer, every rule is evaluated."""

import json
import re
from math import isfinite
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import pytest
import yaml
from dashboards import DASHBOARDS
from harness.distributed import Distributed
from harness.records import send
from observability.conftest import Story

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/observability/rules.yml"
IN_CHILDREN = re.compile(r"\"skyulf_\w+\.child\.\w+:(\w+)\"")
# what only a broker gives
OF_KAFKA = {"skyulf_consumer_lag_records"}
ONE_CLASS = b"x,y,label\n" + b"".join(b"%d,%d,same\n" % (n, n % 3) for n in range(40))


@pytest.fixture(scope="session")
def eventful(story: Story) -> Story:
    """What does not happen on a good day: a retry, a job that fails, rows that are refused, a dead letter."""
    api = story.api
    run, key = {"dataset_id": story.dataset_id}, {"Idempotency-Key": uuid4().hex}
    answers = [api.ok("POST", f"/pipelines/{story.pipeline_id}/runs", json=run, headers=key) for _ in range(2)]
    assert answers[0]["id"] == answers[1]["id"]
    api.job(answers[0]["id"])
    hopeless = api.ready_dataset(ONE_CLASS, name="hopeless")
    failed = api.ok("POST", f"/pipelines/{story.pipeline_id}/runs", json={"dataset_id": hopeless["id"]})
    assert api.job(failed["id"])["status"] == "failed"
    for _ in range(20):
        api.predict("seen", [{"x": 5, "y": 1}])
    assert api.call("POST", "/deployments/seen/predict", json={"rows": [{"x": "text", "y": 1}]}).status_code == 422
    if isinstance(story.observed.skyulf, Distributed):
        send(story.observed.skyulf.bootstrap, (b"\xff garbage " + uuid4().hex.encode(), []))
        with story.observed.skyulf.admin() as admin:
            admin.eventually(lambda: admin.ok("GET", "/dead-letters")["items"], what="the letter is parked")
    return story


def written_rules() -> list[str]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return sorted(rule["alert"] for group in groups for rule in group["rules"])


def called_in_children() -> set[str]:
    """The functions that runners call in children, as their sources name them."""
    return {name for path in ROOT.glob("services/*/src/*/*.py") for name in IN_CHILDREN.findall(path.read_text())}


def numbers(series: list[dict[str, object]]) -> list[float]:
    return [value for each in series if isfinite(value := float(each["value"][1]))]  # type: ignore[index]


def test_every_query_of_every_dashboard_has_an_answer(eventful: Story) -> None:
    observed, silent = eventful.observed, dict[str, str]()

    def look() -> bool:
        silent.clear()
        for dashboard in DASHBOARDS:
            for query in dashboard.queries():
                promql = query.promql.replace("$__rate_interval", "5m")
                if not numbers(observed.prometheus.query(promql)):
                    silent[promql] = dashboard.name
        of_kafka = {promql for promql in silent if any(name in promql for name in OF_KAFKA)}
        return silent.keys() <= (of_kafka if observed.skyulf.form == "embedded" else set())

    try:
        eventful.api.eventually(look, what="all queries are answered", seconds=25)
    except AssertionError:
        pytest.fail(json.dumps(silent, indent=2))


def test_every_process_is_scraped_and_every_rule_is_evaluated(eventful: Story) -> None:
    prometheus = eventful.observed.prometheus
    with urlopen(f"{prometheus.address()['url']}/api/v1/rules", timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]

    eventful.api.eventually(lambda: numbers(prometheus.query("min(up)")) == [1.0], what="all are up", seconds=15)
    rules = [rule for group in groups for rule in group["rules"]]
    assert sorted(rule["name"] for rule in rules) == written_rules()
    assert {rule["health"] for rule in rules} == {"ok"}
    firing = {rule["name"] for rule in rules if rule["state"] == "firing"}
    assert firing <= {"SkyulfJobsFailing"}  # nothing that nobody has done


def test_what_happened_is_counted_once(eventful: Story) -> None:
    query = eventful.observed.prometheus.query

    def counted() -> bool:
        return (
            numbers(query('sum(skyulf_jobs_ended_total{kind="train", status="succeeded"})')) == [2.0]
            and numbers(query('sum(skyulf_jobs_ended_total{kind="train", status="failed"})')) == [1.0]
            and numbers(query("sum(skyulf_model_versions_registered_total)")) == [2.0]
            and numbers(query('sum(skyulf_datasets_imported_total{outcome="ready"})')) == [2.0]
            and numbers(query("sum(skyulf_dataset_rows_total)")) == [60.0 + 40.0]
            and numbers(query("sum(skyulf_http_idempotent_replays_total)")) == [1.0]
            and numbers(query("sum(skyulf_prediction_rows_total)")) == [22.0]
            and numbers(query('sum(skyulf_prediction_errors_total{code="rows-refused"})')) == [1.0]
        )

    eventful.api.eventually(counted, what="the figures are those of the story", seconds=15)


def test_kills_are_told_from_0_on_before_any_child_was_called(eventful: Story) -> None:
    query, called = eventful.observed.prometheus.query, called_in_children()

    def told() -> bool:
        found = query('skyulf_child_kills_total{cause="out_of_memory"}')
        return called == {each["metric"]["function"] for each in found} and set(numbers(found)) == {0.0}  # type: ignore[index]

    assert called > {"tune", "automl", "unpack"}  # which the story never called
    eventful.api.eventually(told, what="a series of each function", seconds=15)


def test_a_slow_request_leads_to_its_trace(eventful: Story) -> None:
    prometheus, found = eventful.observed.prometheus, set[str]()

    def look() -> bool:
        for metric in ("skyulf_http_request_seconds_bucket", "skyulf_prediction_seconds_bucket"):
            series = prometheus.exemplars(metric)
            found.update(each["labels"]["trace_id"] for one in series for each in one["exemplars"])  # type: ignore[attr-defined]
        return eventful.trace_id in found

    eventful.api.eventually(look, what="an exemplar of the story's trace", seconds=15)


def test_the_model_that_answers_is_shown_with_its_score(eventful: Story) -> None:
    query = eventful.observed.prometheus.query

    scores = eventful.api.eventually(
        lambda: numbers(query('skyulf_model_score{deployment="seen", model="seen", version="1", metric="accuracy"}')),
        what="the score", seconds=15,
    )  # fmt: skip

    version = eventful.api.versions("seen")[-1]
    assert scores[0] == version["metrics"]["accuracy"]
