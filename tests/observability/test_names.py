"""Every metric and label that a dashboard or an alert names can be measured; every alert leads to its run book."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dashboards import DASHBOARDS
from observability.expressions import Named, named_in
from observability.promtool import RULES, promtool
from observability.registered import series

CASES = Path(__file__).parent / "rules"
ALERTS = {
    "SkyulfOutboxStuck", "SkyulfDeadLetters", "SkyulfConsumerLag", "SkyulfJobsWaiting", "SkyulfJobsFailing",
    "SkyulfChildrenKilled", "SkyulfPredictionErrors", "SkyulfPredictionsSlow", "SkyulfNoReplicas",
    "SkyulfDeploymentUnserved", "SkyulfDeploymentFailed", "SkyulfDatabasePoolFull", "SkyulfEventLoopLag",
    "SkyulfTargetDown", "SkyulfManifestsLost",
}  # fmt: skip
# what Prometheus adds to every series that it scrapes
OF_TARGETS = frozenset({"job", "instance", "process", "le"})


def rules() -> list[dict[str, str]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for dashboard in DASHBOARDS:
        for query in dashboard.queries():
            yield dashboard.name, query.promql
    for rule in rules():
        yield rule["alert"], rule["expr"]


def unknown(promql: str) -> set[str]:
    known = {**series(), "up": frozenset[str]()}
    named = named_in(promql)
    labels = OF_TARGETS.union(*(known.get(metric, frozenset()) for metric in named.metrics))
    return (named.metrics - known.keys()) | (named.labels - labels)


@pytest.mark.parametrize(("place", "promql"), list(expressions()))
def test_what_is_named_can_be_measured(place: str, promql: str) -> None:
    assert unknown(promql) == set()


def test_a_metric_or_label_that_nobody_measures_is_found() -> None:
    assert unknown("sum by (service) (rate(skyulf_outbox_age_seconds[5m]))") >= {"skyulf_outbox_age_seconds"}
    assert unknown('skyulf_work_rows{status="queued"}') == {"status"}
    assert unknown("max by (deployment) (skyulf_work_rows)") == {"deployment"}
    assert unknown("sum(skyulf_jobs_ended)") == {"skyulf_jobs_ended"}


def test_expressions_are_taken_apart() -> None:
    promql = 'topk(3, sum by (a, b) (rate(x_total{c!="d{e}", f=~"g"}[5m]))) or y offset 10m unless on (h) z > 0.5'

    assert named_in(promql) == Named(frozenset({"x_total", "y", "z"}), frozenset({"a", "b", "c", "f", "h"}))


def test_alerts_are_those_of_the_run_book_and_each_links_to_its_section() -> None:
    assert {rule["alert"] for rule in rules()} == ALERTS
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/guides/operate.md#{rule['alert'].lower()}"  # type: ignore[index]


def test_every_alert_has_a_case_that_fires_it() -> None:
    assert {path.stem for path in CASES.glob("*.yml")} == ALERTS


def test_promtool_accepts_rules_and_every_query_of_the_dashboards(tmp_path: Path) -> None:
    queries = [query.promql for dashboard in DASHBOARDS for query in dashboard.queries()]
    recorded = [
        {"record": f"query:{number}", "expr": promql.replace("$__rate_interval", "5m")}
        for number, promql in enumerate(queries)
    ]
    written = tmp_path / "queries.yml"
    written.write_text(json.dumps({"groups": [{"name": "queries", "rules": recorded}]}))

    for file in (RULES, written):
        checked = promtool("check", "rules", str(file))
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_an_alert_fires_when_it_shall_and_only_then(case: Path) -> None:
    tested = promtool("test", "rules", str(case))

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert f"alertname: {case.stem}" in case.read_text()


def test_a_rule_that_says_something_else_fails_its_case(tmp_path: Path) -> None:
    case = (CASES / "SkyulfOutboxStuck.yml").read_text()
    (tmp_path / "rules.yml").write_text(RULES.read_text().replace("lag_seconds) > 60", "lag_seconds) > 6000"))
    planted = tmp_path / "case.yml"
    planted.write_text(re.sub(r"rule_files: \[.*\]", "rule_files: [rules.yml]", case))

    assert promtool("test", "rules", str(planted)).returncode == 1
