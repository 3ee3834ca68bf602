"""The files of deploy/observability fit together and to what the services really are."""

import json
import re
from pathlib import Path

import pytest
import yaml
from dashboards import DASHBOARDS, FOLDER, main
from observability.promtool import OBSERVABILITY, promtool
from skyulf_service.ports import PORTS
from skyulf_service.settings import ServiceSettings

RUNNERS = {"ingestion", "pipeline"}
ROLES = {
    f"{service}-{role}"
    for service in PORTS
    for role in ("api", "worker", "runner")
    if role != "runner" or service in RUNNERS
}


def port_of(process: str) -> int:
    service, role = process.split("-")
    settings = type(f"{service}Settings", (ServiceSettings,), {"service_name": service})()
    return int(settings.api_port if role == "api" else settings.role_port(role))


def test_every_role_is_scraped_where_it_serves_its_metrics() -> None:
    config = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())
    (job,) = [each for each in config["scrape_configs"] if each["job_name"] == "skyulf"]

    found = {each["names"][0]: each["port"] for each in job["dns_sd_configs"]}

    assert found == {process: port_of(process) for process in ROLES}


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    config = (OBSERVABILITY / "prometheus.yml").read_text().replace("/etc/prometheus", str(OBSERVABILITY))
    (tmp_path / "prometheus.yml").write_text(config)

    checked = promtool("check", "config", str(tmp_path / "prometheus.yml"))

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_collector_uses_what_it_declares_and_nothing_else() -> None:
    config = yaml.safe_load((OBSERVABILITY / "collector.yml").read_text())
    (pipeline,) = config["service"]["pipelines"].values()

    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == config[kind].keys()
    assert set(config["service"]["extensions"]) == config["extensions"].keys()


def test_what_compose_mounts_is_there_and_images_are_pinned() -> None:
    services = yaml.safe_load((OBSERVABILITY / "compose.yml").read_text())["services"]

    for name, service in services.items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
        assert service["profiles"] == ["observability"]
        assert service["mem_limit"]
        assert service["cpus"]
        assert service["pids_limit"]
        assert "healthcheck" in service or name == "otel-collector", "whose image has nothing to ask with"
        sources = [volume.split(":")[0] for volume in service["volumes"] if volume.startswith(".")]
        assert all((OBSERVABILITY / source).exists() for source in sources)
    assert {service["image"].split("/")[-1].split(":")[0] for service in services.values()} == {
        "opentelemetry-collector", "tempo", "prometheus", "grafana",
    }  # fmt: skip


def test_dashboards_are_what_their_descriptions_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    for dashboard in DASHBOARDS:
        panels = json.loads((FOLDER / f"{dashboard.name}.json").read_text())["panels"]
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
        assert len(set(places)) == len(places)
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert all(panel["description"] for panel in panels if panel["type"] != "row")


def test_data_sources_that_panels_name_are_provisioned() -> None:
    sources = yaml.safe_load((OBSERVABILITY / "grafana/provisioning/datasources/skyulf.yml").read_text())["datasources"]
    text = "".join(path.read_text() for path in FOLDER.glob("*.json"))

    named = set(re.findall(r'"uid": "([a-z]+)"', text))

    assert named <= {source["uid"] for source in sources}
    assert sources[0]["jsonData"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == sources[1]["uid"]
