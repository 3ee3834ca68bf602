"""A project moves to another installation and back: the same answers to the last bit, and nothing twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from harness.api import Api, Json
from harness.configs import tiny, tiny_data
from harness.constants import ANSWERS, ROWS, opposites
from harness.distributed import Distributed
from harness.embedded import Embedded
from harness.form import Skyulf

LATIN = "größe;label\n" + "".join(f"{n % 5},5;{'ja' if n % 2 else 'nein'}\n" for n in range(40))
SAME = ("metrics", "intervals", "decisions", "importances", "task", "target", "estimator", "framework")


def command(running: Skyulf, *words: str) -> list[str]:
    with running.admin() as admin:
        where = ["--url", running.url, "--api-key", str(admin.key)]
    return [sys.executable, "-m", "skyulf_client.main", *where, *words]


def skyulf(running: Skyulf, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SKYULF_HOME": str(running.folder / "nobody")}
    return subprocess.run(command(running, *words), env=env, capture_output=True, text=True, timeout=280, check=False)


def told(running: Skyulf, *words: str) -> Json:
    done = skyulf(running, *words, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    found: Json = json.loads(done.stdout)
    return found


def slug_of(api: Api) -> str:
    return str(api.ok("GET", "/auth/me")["project"]["slug"])


def inside(running: Skyulf, slug: str) -> Api:
    """A client of a project that an import has made."""
    with running.admin() as admin:
        projects = admin.ok("GET", "/projects", params={"limit": 200})["items"]
        project = next(each for each in projects if each["slug"] == slug)
        body = {"name": "looking", "scopes": ["owner"], "project_id": project["id"]}
        return Api(running.url, admin.ok("POST", "/api-keys", json=body)["key"], project_id=project["id"])


def names(api: Api, what: str) -> list[str]:
    return sorted(each["name"] for each in api.ok("GET", f"/{what}", params={"limit": 200})["items"])


@pytest.fixture(scope="module")
def laptop(embedded: Embedded) -> Iterator[Api]:
    """A project with two versions of a model, deployed; one more whose pipeline and data were deleted since."""
    with embedded.project() as api:
        opposites(api, "switch")
        pipeline = api.ok("GET", "/pipelines")["items"][0]
        body = {"name": "switch", "config": tiny(2), "register_as": "switch"}
        api.ok("PUT", f"/pipelines/{pipeline['id']}", json=body, headers={"If-Match": "*"})
        api.ready_dataset(LATIN.encode("latin-1"), name="größen", encoding="latin-1", separator=";")
        gone = api.ready_dataset(tiny_data(70), name="gone")
        forgotten = api.ok("POST", "/pipelines", json={"name": "forgotten", "config": tiny(3), "register_as": "heir"})
        api.run(forgotten["id"], gone["id"])
        api.ok("DELETE", f"/pipelines/{forgotten['id']}")
        api.ok("DELETE", f"/datasets/{gone['id']}")
        api.ok("PUT", "/models/switch/versions/2/aliases/champion")
        api.ok("PUT", "/models/switch/versions/1/stage", json={"stage": "production"})
        assert api.deploy("switch", "switch", 1)["status"] == "ready"
        yield api


@pytest.fixture(scope="module")
def file(embedded: Embedded, laptop: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "laptop.zip"
    manifest = told(embedded, "export", slug_of(laptop), str(path))
    assert manifest["format"] == "skyulf.project/1"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["laptop.zip"], "nothing else is left"
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Another installation, with keys of its own."""
    running = Embedded(tmp_path_factory.mktemp("other"))
    running.start()
    try:
        yield running
        running.stop()
    finally:
        running.process.kill_tree()


def everything_arrived(there: Api, laptop: Api) -> None:
    """The project is there as it was, with ids of its own."""
    assert names(there, "datasets") == ["data", "data", "größen"]
    assert names(there, "pipelines") == ["switch"]
    assert names(there, "models") == ["heir", "switch"]
    for model in ("switch", "heir"):
        here = {each["version"]: each for each in laptop.versions(model)}
        found = {each["version"]: each for each in there.versions(model)}
        assert found.keys() == here.keys()
        for number, version in found.items():
            assert {name: version[name] for name in SAME} == {name: here[number][name] for name in SAME}
            assert version["id"] != here[number]["id"]
            assert version["stage"] == here[number]["stage"]
            for name in ("evaluation", "report?format=json"):
                old = laptop.ok("GET", f"/jobs/{here[number]['lineage']['job_id']}/{name}")
                assert there.ok("GET", f"/jobs/{version['lineage']['job_id']}/{name}") == old
            old_files = laptop.ok("GET", f"/jobs/{here[number]['lineage']['job_id']}/bundle/files")
            assert there.ok("GET", f"/jobs/{version['lineage']['job_id']}/bundle/files") == old_files
    assert there.ok("GET", "/models/switch")["aliases"] == {"champion": 2}


def lineage_leads_somewhere(there: Api) -> None:
    """What came along is connected as it was; what had been deleted keeps its old id."""
    (first,) = [each["lineage"] for each in there.versions("switch") if each["version"] == 1]
    assert there.ok("GET", f"/datasets/{first['dataset_id']}/sample")["rows"][0] == {"x": 0, "y": 0, "label": "no"}
    assert there.ok("GET", f"/pipelines/{first['pipeline_id']}")["latest_version"] == 2
    assert there.ok("GET", f"/pipelines/{first['pipeline_id']}/versions/1")["config"] == tiny()
    job = there.ok("GET", f"/jobs/{first['job_id']}")
    assert (job["kind"], job["status"], job["dataset_name"]) == ("import", "succeeded", "data")
    (heir,) = [each["lineage"] for each in there.versions("heir")]
    assert there.call("GET", f"/pipelines/{heir['pipeline_id']}").status_code == 404
    assert there.ok("GET", f"/pipelines/{heir['pipeline_id']}/versions/1")["config"] == tiny(3)
    assert there.call("GET", f"/datasets/{heir['dataset_id']}").status_code == 404


def answers_are_the_same(there: Api, laptop: Api) -> None:
    here, found = laptop.predict("switch", ROWS), there.predict("switch", ROWS)
    assert found["predictions"] == here["predictions"] == ANSWERS[1]
    assert found["probabilities"] == here["probabilities"], "to the last bit"
    assert found["model_version"] == here["model_version"] == 1


@pytest.fixture(scope="module")
def moved(other: Embedded, file: Path) -> Json:
    """What an import has said that went on where one was killed, in a project that the first one has made."""
    words = command(other, "import", str(file), "--as", "moved", "--deploy")
    broken = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with other.admin() as admin:
        admin.eventually(lambda: "moved" in slugs(admin), what="the project is made")
    with inside(other, "moved") as there:
        there.eventually(lambda: jobs_of(there), what="a version is being imported")
        broken.kill()
        broken.wait()
        return told(other, "import", str(file), "--as", "moved", "--deploy")


def slugs(admin: Api) -> set[str]:
    return {each["slug"] for each in admin.ok("GET", "/projects", params={"limit": 200})["items"]}


def jobs_of(api: Api) -> list[Any]:
    found: list[Any] = api.ok("GET", "/jobs", params={"kind": "import"})["items"]
    return found


def test_a_project_moves_and_predicts_the_same(other: Embedded, laptop: Api, moved: Json) -> None:
    assert moved["kept"].items() >= {"datasets": 3, "pipelines": 1}.items()
    assert moved["kept"]["model versions"] >= 1, "the one whose import had begun"
    assert moved["kept"]["model versions"] + moved["made"]["model versions"] == 3
    assert (moved["made"]["deployments"], moved["notes"]) == (1, [])
    with inside(other, "moved") as there:
        everything_arrived(there, laptop)
        lineage_leads_somewhere(there)
        answers_are_the_same(there, laptop)
        sizes = next(each for each in there.ok("GET", "/datasets")["items"] if each["name"] == "größen")
        assert there.ok("GET", f"/datasets/{sizes['id']}/sample")["rows"][1] == {"größe": "1,5", "label": "ja"}
        assert len(jobs_of(there)) == 3, "none was taken in twice"
        keys = [key for key in there.ok("GET", "/api-keys")["items"] if key["name"] != "looking"]
    assert len(keys) == 2
    assert keys[0]["revoked_at"] is not None, "the key of an import is revoked"
    assert all(key["expires_at"] is not None for key in keys), "and that of one that was killed will end"


@pytest.mark.usefixtures("moved")
def test_what_is_there_is_kept(other: Embedded, laptop: Api, file: Path, tmp_path: Path) -> None:
    with inside(other, "moved") as there:
        there.ok("PUT", "/models/switch/versions/1/aliases/champion")
        there.ok("DELETE", "/deployments/switch")
        before = [there.versions("switch"), there.ok("GET", "/datasets"), there.ok("GET", "/pipelines")]

        shown = told(other, "import", str(file), "--as", "moved")
        report = told(other, "import", str(file), "--as", "moved", "--deploy")

        assert shown["kept"] == report["kept"] == {"datasets": 3, "pipelines": 1, "model versions": 3}
        assert (shown["made"], report["made"]) == ({}, {"deployments": 1})
        assert report["notes"] == ["The alias 'champion' of 'switch' was left alone: it names version 1."]
        assert "skyulf deployments create switch switch --version 1" in shown["notes"][1]
        assert [there.versions("switch"), there.ok("GET", "/datasets"), there.ok("GET", "/pipelines")] == before
        answers_are_the_same(there, laptop)
    back = tmp_path / "back.zip"
    told(other, "export", "moved", str(back))
    before_home = laptop.versions("switch")
    home = told_home(laptop, back)
    assert home["made"] == {}, "what comes back is what is there"
    assert home["kept"] == {"datasets": 3, "pipelines": 1, "model versions": 3, "deployments": 1}
    assert laptop.versions("switch") == before_home


def told_home(laptop: Api, back: Path) -> Json:
    """Import with the key of the project itself, which may make no other."""
    where = ["--url", laptop.url, "--api-key", str(laptop.key)]
    words = [sys.executable, "-m", "skyulf_client.main", *where, "import", str(back), "--as", slug_of(laptop), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: Json = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("how", ["damaged", "cut", "something else"])
def test_a_bad_file_is_refused_before_anything_is_made(other: Embedded, file: Path, tmp_path: Path, how: str) -> None:
    data, bad, slug = file.read_bytes(), tmp_path / "bad.zip", f"p-{uuid4().hex[:8]}"
    middle = data.index(b"x,y,label")
    bad.write_bytes(
        {
            "damaged": data[:middle] + b"z" + data[middle + 1 :],
            "cut": data[: len(data) // 2],
            "something else": b"PK" + bytes(1000),
        }[how]
    )

    done = skyulf(other, "import", str(bad), "--as", slug)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no whole export of a project" in done.stderr or "is damaged" in done.stderr
    with other.admin() as admin:
        assert slug not in slugs(admin)


def test_a_project_that_is_not_there_cannot_be_exported(other: Embedded, tmp_path: Path) -> None:
    done = skyulf(other, "export", "nobodys", str(tmp_path / "nothing.zip"))

    assert done.returncode == 1
    assert "There is no project 'nobodys'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_project_moves_to_the_distributed_form_and_back(
    distributed: Distributed, other: Embedded, laptop: Api, file: Path, tmp_path: Path
) -> None:
    report = told(distributed, "import", str(file), "--as", "from-laptop", "--deploy")

    assert report["made"] == {"datasets": 3, "pipelines": 1, "model versions": 3, "deployments": 1}
    with inside(distributed, "from-laptop") as there:
        everything_arrived(there, laptop)
        lineage_leads_somewhere(there)
        answers_are_the_same(there, laptop)
    told(distributed, "export", "from-laptop", str(tmp_path / "cluster.zip"))
    told(other, "import", str(tmp_path / "cluster.zip"), "--as", "from-cluster", "--deploy")
    with inside(other, "from-cluster") as back:
        everything_arrived(back, laptop)
        answers_are_the_same(back, laptop)


@pytest.mark.slow
def test_an_import_that_is_killed_at_any_moment_ends_the_same(other: Embedded, laptop: Api, file: Path) -> None:
    words = command(other, "import", str(file), "--as", "unlucky")
    for moment in (1.0, 2.0, 3.0, 4.0, 6.0, 8.0):
        broken = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moment)
        broken.kill()
        broken.wait()

    told(other, "import", str(file), "--as", "unlucky")

    with inside(other, "unlucky") as there:
        everything_arrived(there, laptop)
        assert len(jobs_of(there)) == 3
