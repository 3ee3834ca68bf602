"""The `skyulf` command as people and programs call it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from client_server import Running


class Command:
    """Runs `skyulf` in a process of its own, with the home folder of the running server."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)

    def __call__(self, *arguments: str, code: int = 0, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "skyulf_client.main", *arguments]
        done = subprocess.run(
            command, env={**self.env, **env}, capture_output=True, text=True, timeout=90, check=False, input=""
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> "dict[str, object]":
        found: dict[str, object] = json.loads(self(*arguments, "--json", code=code).stdout)
        return found


@pytest.fixture(scope="module")
def skyulf_command(server: Running) -> Command:
    others = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    return Command({**others, "SKYULF_HOME": str(server.home)})


def test_the_whole_way(skyulf_command: Command, table: Path, config: Mapping[str, object], tmp_path: Path) -> None:
    run, name = skyulf_command, f"cli-{uuid4().hex[:8]}"
    written = tmp_path / "pipeline.json"
    written.write_text(json.dumps(config))

    dataset = str(run.json("datasets", "upload", str(table), "--name", name)["id"])
    assert "label" in run("datasets", "profile", dataset).stdout
    assert "valid" in run("pipelines", "validate", str(written), "--dataset", dataset).stdout
    pipeline = str(run.json("pipelines", "create", str(written), "--name", name)["id"])
    job = run.json("pipelines", "run", pipeline, dataset)
    assert job["status"] == "succeeded"
    assert "Step:" in run("jobs", "logs", str(job["id"])).stdout
    assert run.json("jobs", "watch", str(job["id"]))["id"] == job["id"]
    report = tmp_path / "new" / "report.html"
    run("jobs", "report", str(job["id"]), "--out", str(report))
    assert report.read_text().startswith("<!doctype html>")
    assert "## Metrics" in run("jobs", "report", str(job["id"])).stdout
    assert run.json("jobs", "report", str(job["id"]))["target"] == "label"
    assert ".html" in run("jobs", "report", str(job["id"]), "--out", "report.exe", code=2).stderr
    run("events", "tail", "--type", "model.registered", "--after", "0", "--count", "1")
    assert run.json("deployments", "create", name, name)["status"] == "ready"
    assert "yes" in run("predict", name, "--row", '{"x": 6, "y": 1}').stdout
    told = run("explain", name, '{"x": 6, "y": 1}').stdout
    assert "label is yes (" in told
    assert "because x is 6" in told
    assert "Added (log-odds)" in told
    several = run("explain", name, '{"x": 6, "y": 1}', '{"x": 0, "y": 1}').stdout.splitlines()
    assert [line.split(" (")[0] for line in several[:2]] == ["label is yes", "label is no"]
    assert run.json("explain", name, '{"x": 6, "y": 1}')["method"] == "linear"
    assert "validation.conformal" in run("predict", name, "--row", '{"x": 6, "y": 1}', "--intervals", code=1).stderr
    assert (
        run.json("models", "promote", name, "1", "--alias", "champion", "--stage", "production")["stage"]
        == "production"
    )
    assert re.search(r"accuracy\s+[\d.]+ \[[\d.]+, [\d.]+\]", run("models", "show", name, "--version", "1").stdout)
    assert "production" in run("models", "show", name).stdout
    assert "deploy" in run("deployments", "history", name).stdout
    digest = str(run.json("models", "show", name, "--version", "1")["digest"])
    rendered = run("deployments", "render", name, "--placement", "dedicated", "--min-replicas", "3").stdout
    assert f'SKYULF_INFERENCE_ONLY_DIGEST, value: "{digest}"' in rendered
    assert "minReplicas: 3" in rendered
    encrypted = run("deployments", "render", name, "--placement", "dedicated", "--tls", "cert-manager").stdout
    assert f'/{name}": "http://endpoint-{name}-' in rendered
    assert f'/{name}": "https://endpoint-{name}-' in encrypted
    assert "no longer" in run("deployments", "delete", name, "--yes").stdout
    assert "serves nothing" in run("deployments", "render", name, "--placement", "dedicated", code=1).stderr
    assert "Deleted" in run("datasets", "delete", dataset, "--yes").stdout


def test_a_tuning_from_the_command_line(
    skyulf_command: Command, table: Path, config: Mapping[str, object], tmp_path: Path
) -> None:
    run, name = skyulf_command, f"tune-{uuid4().hex[:8]}"
    pipeline_file, tuning_file = tmp_path / "pipeline.json", tmp_path / "tuning.json"
    pipeline_file.write_text(json.dumps(config))
    tuning_file.write_text(json.dumps({"search_space": {"C": {"low": 0.01, "high": 10, "log": True}}, "n_trials": 50}))
    dataset = str(run.json("datasets", "upload", str(table), "--name", name)["id"])
    pipeline = str(run.json("pipelines", "create", str(pipeline_file), "--name", name)["id"])

    job = run.json("tune", pipeline, "--dataset", dataset, "--trials", "3", "--tuning", str(tuning_file))

    assert (job["kind"], job["status"]) == ("tune", "succeeded")
    listed = run.json("jobs", "trials", str(job["id"]))["items"]
    assert isinstance(listed, list)
    assert [trial["number"] for trial in listed] == [0, 1, 2]
    assert isinstance(job["best"], dict)
    assert job["best"]["score"] == max(trial["score"] or 0 for trial in listed)
    assert "C " in run("jobs", "trials", str(job["id"])).stdout
    assert "best trial" in run("jobs", "show", str(job["id"])).stdout
    refused = run("tune", pipeline, "--dataset", dataset, "--strategy", "gird", code=1)
    assert "/tuning/strategy" in refused.stderr


def test_automl_from_the_command_line(skyulf_command: Command, table: Path, tmp_path: Path) -> None:
    run, name = skyulf_command, f"auto-{uuid4().hex[:8]}"
    split = {"node": "TrainTestSplit", "config": {"target": "label", "random_state": 1}}
    auto = {"node": "auto", "config": {"families": ["linear", "decision_tree"]}}
    file = tmp_path / "auto.json"
    file.write_text(json.dumps({"steps": [split], "model": auto}))
    dataset = str(run.json("datasets", "upload", str(table), "--name", name)["id"])
    pipeline = str(run.json("pipelines", "create", str(file), "--name", name)["id"])

    job = run.json("tune", pipeline, "--dataset", dataset, "--budget", "5", "--metric", "accuracy")

    assert (job["kind"], job["status"]) == ("automl", "succeeded")
    assert job["tuning"] == {"budget": 5.0, "families": ["linear", "decision_tree"], "metric": "accuracy"}
    assert "family" in run("jobs", "trials", str(job["id"])).stdout
    assert "best trial" in run("jobs", "show", str(job["id"])).stdout
    refused = run("tune", pipeline, "--dataset", dataset, "--trials", "3", code=1)
    assert "/tuning/n_trials" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("datasets", "list"), ("pipelines", "list"), ("jobs", "list"), ("models", "list"), ("deployments", "list"),
        ("keys", "list"), ("nodes", "list"), ("dead-letters", "list"), ("nodes", "show", "OneHotEncoder"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_lists_are_for_people_and_for_programs(skyulf_command: Command, arguments: tuple[str, ...]) -> None:
    assert skyulf_command(*arguments).stdout.strip()
    assert skyulf_command.json(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("datasets", "nonsense"), ("datasets", "upload", "/nowhere.csv"), ("predict", "late"),
     ("explain", "late"),
     ("models", "promote", "m", "x"), ("datasets", "list", "--limit", "0"),
     ("tune", "p", "--dataset", "d", "--timeout", "nan"), ("tune", "p", "--dataset", "d", "--timeout", "inf"),
     ("tune", "p", "--dataset", "d", "--budget", "nan"), ("tune", "p", "--dataset", "d", "--budget", "inf")],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_call_ends_with_2(skyulf_command: Command, arguments: tuple[str, ...]) -> None:
    assert skyulf_command(*arguments, code=2).stderr.strip()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_said_in_a_line(
    skyulf_command: Command, tmp_path: Path, number: str
) -> None:
    told = tmp_path / "tuning.json"
    told.write_text(f'{{"timeout": {number}}}')

    done = skyulf_command("tune", str(uuid4()), "--dataset", str(uuid4()), "--tuning", str(told), code=1)

    assert done.stderr.startswith("Error: The request cannot be written as JSON: ")
    assert "Traceback" not in done.stderr


def test_a_refusal_is_one_line_and_one_for_each_field(skyulf_command: Command, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"steps": [], "model": {"node": "logistic_regresion"}}')

    done = skyulf_command("pipelines", "create", str(wrong), "--name", "wrong", code=1)

    first, *fields = done.stderr.splitlines()
    assert first.startswith("Error: ")
    assert any(field.strip().startswith("/config/model/node") for field in fields)
    assert done.stdout == ""


def test_programs_get_errors_as_json(skyulf_command: Command) -> None:
    done = skyulf_command("models", "show", "nothing-of-this-name", "--json", code=1)

    problem = json.loads(done.stderr)
    assert (problem["status"], problem["code"]) == (404, "not-found")
    assert done.stdout == ""


def test_an_invalid_pipeline_ends_with_1(skyulf_command: Command, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"steps": [], "model": {"node": "logistic_regresion"}}')

    assert "logistic_regression" in skyulf_command("pipelines", "validate", str(wrong), code=1).stdout
    assert skyulf_command.json("pipelines", "validate", str(wrong), code=1)["valid"] is False


def test_a_server_that_is_away_is_said_in_a_line(skyulf_command: Command) -> None:
    done = skyulf_command("--url", "http://127.0.0.1:9", "--api-key", "sk_x", "datasets", "list", code=1)

    assert done.stderr.startswith("Error: Skyulf cannot be reached at http://127.0.0.1:9")


def test_without_a_key_the_error_says_what_to_do(skyulf_command: Command, tmp_path: Path) -> None:
    done = skyulf_command("datasets", "list", code=1, SKYULF_HOME=str(tmp_path))

    assert "skyulf up" in done.stderr


@pytest.mark.parametrize("key", ["é", "sk_a\nb"])
def test_a_key_that_is_none_is_said_and_not_shown(skyulf_command: Command, key: str) -> None:
    done = skyulf_command("datasets", "list", code=1, SKYULF_API_KEY=key)

    assert done.stderr.startswith("Error: The API key holds characters")
    assert key not in done.stderr


def test_the_version_is_said(skyulf_command: Command) -> None:
    assert skyulf_command("--version").stdout.startswith("skyulf ")


def test_a_broken_plug_in_does_not_break_the_command(skyulf_command: Command, tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[skyulf.commands]\nmissing = no_such_module:register\nraising = raising_plug_in:register\n"
    )
    (tmp_path / "raising_plug_in.py").write_text("def register(app):\n    raise RuntimeError('broken [inside]')\n")

    done = skyulf_command("datasets", "list", "--json", PYTHONPATH=str(tmp_path))

    assert json.loads(done.stdout)["items"] is not None
    assert "no_such_module:register are not available" in done.stderr
    assert "RuntimeError: broken [inside]" in done.stderr


def test_data_cannot_speak_for_the_command(skyulf_command: Command, table: Path) -> None:
    name = "[red]not markup[/] [/nonsense]"

    skyulf_command("datasets", "upload", str(table), "--name", name)

    assert name in skyulf_command("datasets", "list").stdout


def test_data_cannot_steer_the_terminal(skyulf_command: Command, tmp_path: Path) -> None:
    table = tmp_path / "escape.csv"
    table.write_text("a,b\n1,\x1b]0;title\x07\n2,\u202eright to left\n")
    dataset = skyulf_command.json("datasets", "upload", str(table))

    shown = skyulf_command("datasets", "sample", str(dataset["id"])).stdout

    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b]0;title\\x07" in shown
