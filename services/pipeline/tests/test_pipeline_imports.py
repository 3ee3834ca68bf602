"""Models that come from outside: what a job has made elsewhere is taken in, everything else is refused."""

import io
import json
import pickle
import tarfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pipeline_street import EVERYTHING, OTHER_PROJECT, Json, Street, penguins, penguins_config
from skyulf_core import Pipeline
from skyulf_events import JobCompleted
from skyulf_pipeline.child.unpacking import unpack
from skyulf_pipeline.main import BUCKET
from skyulf_pipeline.persistence.references import BundleReferences, needed
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.collector import collect_orphans
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.manifest import verify_manifest
from skyulf_service.work.failures import ChildError

MOVES = EVERYTHING | {"models:read", "models:write"}
FIGURES = ("task", "target", "classes", "estimator", "framework", "metrics", "intervals", "decisions", "importances")
GRAPH = {"task": "regression", "target": "y", "classes": None}
SAID = {"format": "skyulf.pack/1", **GRAPH, "estimator": "linear", "framework": "scikit-learn", "metrics": {"r2": 0.5}}
GOOD = {"trained.json": json.dumps(SAID).encode(), "bundle/graph.json": json.dumps(GRAPH).encode()}


def tarred(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a pack that is taken in."""
    folder = tmp_path_factory.mktemp("good")
    pipeline = Pipeline.from_config(penguins_config())
    pipeline.fit(penguins())
    pipeline.save(folder)
    graph = json.loads((folder / "graph.json").read_bytes())
    said = {**SAID, **{name: graph[name] for name in ("task", "target", "classes")}}
    files = {f"bundle/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {"trained.json": json.dumps(said).encode(), **files, "report/report.json": b"{}"}


async def trained(street: Street) -> tuple[Json, bytes]:
    """A job that has made a model, and what can be downloaded of it."""
    job = await street.queued()
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")
    assert job["status"] == "succeeded", job
    answer = await street.caller(permissions=MOVES).get(f"/api/v1/jobs/{job['id']}/bundle")
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    return job, answer.content


async def sent(street: Street, pack: bytes, *, media_type: str = "application/x-tar", key: str = "") -> httpx.Response:
    """Send a pack into another project."""
    client = street.caller(project=OTHER_PROJECT, permissions=MOVES)
    made = await client.post("/api/v1/pipelines", json={"name": "Penguins", "config": penguins_config()})
    return await send(client, made.json()["id"], pack, media_type=media_type, key=key)


async def send(client: httpx.AsyncClient, pipeline: str, pack: bytes, *, media_type: str, key: str) -> httpx.Response:
    query: dict[str, str | int] = {
        "pipeline_version": 1,
        "dataset_id": "0198c5a0-0000-7000-8000-0000000000dd",
        "dataset_version": 3,
        "dataset_name": "penguins of old",
        "source": "0198c5a0-0000-7000-8000-0000000000ee:2:prices: all",
        "register_as": "moved",
    }
    headers = {"Content-Type": media_type, **({"Idempotency-Key": key} if key else {})}
    return await client.post(f"/api/v1/pipelines/{pipeline}/imports", params=query, content=pack, headers=headers)


async def ended(street: Street, answer: httpx.Response) -> Json:
    assert answer.status_code == 202, answer.text
    client = street.caller(project=OTHER_PROJECT, permissions=MOVES)
    async with street.working():
        while True:
            found: Json = (await client.get(f"/api/v1/jobs/{answer.json()['id']}")).json()
            if found["status"] in ("succeeded", "failed"):
                return found


async def test_a_model_is_taken_in_as_it_was(lane: Street) -> None:
    old, pack = await trained(lane)

    answer = await sent(lane, pack)
    new = await ended(lane, answer)

    assert (new["kind"], new["status"], new["register_as"]) == ("import", "succeeded", "moved"), new
    assert {name: new[name] for name in FIGURES} == {name: old[name] for name in FIGURES}
    assert (new["dataset_id"], new["dataset_version"]) == ("0198c5a0-0000-7000-8000-0000000000dd", 3)
    assert new["sources"]["prices: all"]["version"] == 2
    there = lane.caller(project=OTHER_PROJECT, permissions=MOVES)
    files = await there.get(f"/api/v1/jobs/{new['id']}/bundle/files")
    assert files.json() == (await lane.caller(permissions=MOVES).get(f"/api/v1/jobs/{old['id']}/bundle/files")).json()
    assert {each["path"] for each in files.json()["items"]} >= {"plan.json", "golden.json", "graph.json"}
    assert (await there.get(f"/api/v1/jobs/{new['id']}/bundle")).content == pack, "it can move on"
    page = (await there.get(f"/api/v1/jobs/{new['id']}/report")).text
    assert page == (await lane.caller().get(f"/api/v1/jobs/{old['id']}/report")).text

    done = (await lane.events(JobCompleted))[-1]
    assert isinstance(done, JobCompleted)
    assert done.artifact is not None
    signed = await lane.parts.objects(BUCKET).get_bytes(done.artifact.key)
    manifest = verify_manifest(signed, load_public(lane.parts.keys_dir))
    assert (manifest["project_id"], manifest["job_id"]) == (str(OTHER_PROJECT), new["id"]), "signed anew, for here"
    assert done.artifact.digest != old["digest"]


async def test_what_was_sent_is_needed_until_the_import_has_ended(street: Street, good: dict[str, bytes]) -> None:
    store = street.parts.objects(BUCKET)
    references = BundleReferences(street.parts.database, Blobs(store))

    answer = await sent(street, tarred(good))

    (upload,) = [found.key async for found in store.list("uploads/")]
    assert await collect_orphans(store, references.referenced, grace=timedelta()) == 0
    async with street.parts.database.read() as connection:
        assert upload in {ref.key for ref in await needed(connection, store)}, "a backup has it"
    assert (await ended(street, answer))["status"] == "succeeded"
    assert await collect_orphans(store, references.referenced, grace=timedelta()) == 1
    assert [found async for found in store.list("uploads/")] == []


async def test_other_answers_than_the_golden_ones_are_refused(lane: Street, good: dict[str, bytes]) -> None:
    golden = json.loads(good["bundle/golden.json"])
    golden["predictions"] = golden["predictions"][1:] + golden["predictions"][:1]
    golden["probabilities"] = [[*row[1:], row[0]] if isinstance(row, list) else row for row in golden["probabilities"]]

    job = await ended(lane, await sent(lane, tarred({**good, "bundle/golden.json": json.dumps(golden).encode()})))

    assert job["status"] == "failed"
    assert job["error"]["code"] == "bundle-refused"
    assert [found async for found in lane.parts.objects(BUCKET).list("blobs/")] == []


async def test_what_cannot_be_imported_is_said_at_once(lane: Street) -> None:
    client = lane.caller(project=OTHER_PROJECT, permissions=MOVES)
    typed = await sent(lane, b"{}", media_type="application/json")
    unknown = await send(client, str(uuid4()), tarred(GOOD), media_type="application/x-tar", key="")
    untold = await client.post(f"/api/v1/pipelines/{uuid4()}/imports", content=b"")
    unmade = await lane.caller(permissions=MOVES).get(f"/api/v1/jobs/{(await lane.queued())['id']}/bundle")

    assert [each.status_code for each in (typed, unknown, untold, unmade)] == [415, 404, 422, 404]
    assert unmade.json()["type"] == "/problems/no-bundle"
    assert [found async for found in lane.parts.objects(BUCKET).list("uploads/")] == []


async def test_the_same_import_twice_with_one_key_is_one_job(lane: Street) -> None:
    client = lane.caller(project=OTHER_PROJECT, permissions=MOVES)
    made = await client.post("/api/v1/pipelines", json={"name": "Penguins", "config": penguins_config()})
    how = {"media_type": "application/x-tar", "key": "once"}
    first = await send(client, made.json()["id"], tarred(GOOD), **how)
    again = await send(client, made.json()["id"], tarred(GOOD), **how)
    other = await send(client, made.json()["id"], tarred({**GOOD, "bundle/x.json": b"{}"}), **how)

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert len([found async for found in lane.parts.objects(BUCKET).list("uploads/")]) == 1


def linked(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("bundle/plan.json")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def sparse() -> bytes:
    """A header that makes a gigabyte of a few bytes."""
    info = tarfile.TarInfo("bundle/plan.json")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 30)}
    info.size = 512
    return members(GOOD) + info.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n1\n".ljust(512, b"\0") + bytes(1024)


def members(of: Mapping[str, bytes]) -> bytes:
    """A tar without its end."""
    data = tarred(of).rstrip(b"\0")
    return data + bytes(-len(data) % 512)


class Canary:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("fired"),))  # type: ignore[return-value]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "no tar": (b"PK\x03\x04" + bytes(2000), "no whole pack"),
    "nothing": (b"", "no whole pack"),
    "cut": (members({**GOOD, "bundle/plan.json": b"x" * 5000})[:-900], "no whole pack"),
    "cut between members": (members(GOOD), "no whole pack"),
    "cut in a header": (members(GOOD) + members(GOOD)[:200], "no whole pack"),
    "more behind its end": (tarred(GOOD) + b"x", "no whole pack"),
    "nothing said": (tarred({"bundle/graph.json": b"{}"}), "has no trained.json"),
    "said twice": (members(GOOD) + tarred(GOOD), "does not belong there"),
    "upwards": (tarred({**GOOD, "bundle/../../evil.json": b"{}"}), "does not belong there"),
    "absolute": (tarred({**GOOD, "/bundle/evil.json": b"{}"}), "does not belong there"),
    "hidden": (tarred({**GOOD, "bundle/.evil.json": b"{}"}), "does not belong there"),
    "pickle": (tarred({**GOOD, "bundle/model.pkl": pickle.dumps(Canary())}), "does not belong there"),
    "other report": (tarred({**GOOD, "report/evil.js": b"x"}), "does not belong there"),
    "link": (tarred({**GOOD, "bundle/plan.json": linked(tarfile.SYMTYPE)}), "no plain file"),
    "hard link": (tarred({**GOOD, "bundle/plan.json": linked(tarfile.LNKTYPE)}), "no plain file"),
    "device": (tarred({**GOOD, "bundle/plan.json": linked(tarfile.CHRTYPE)}), "no plain file"),
    "sparse": (sparse(), "no plain file"),
    "too many": (tarred({**GOOD, **{f"bundle/{n}.json": b"" for n in range(2100)}}), "more than"),
    "file as folder": (tarred({**GOOD, "bundle/graph.json/x.json": b"{}"}), "is there twice"),
    "other target": (tarred({**GOOD, "trained.json": json.dumps({**SAID, "target": "z"}).encode()}), "its target"),
    "newer": (tarred({**GOOD, "trained.json": json.dumps({**SAID, "format": "skyulf.pack/2"}).encode()}), "newer"),
    "no object": (tarred({**GOOD, "trained.json": b"[]"}), "format"),
    "deep": (tarred({**GOOD, "trained.json": b"[" * 100_000}), "no whole pack"),
    "no graph": (tarred({"trained.json": GOOD["trained.json"]}), "graph.json is missing"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_pack_is_refused_with_its_reason(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, reason = HOSTILE[name]
    inside = tmp_path / "scratch"
    inside.mkdir()
    (inside / "pack.tar").write_bytes(data)
    spec = {"pack": str(inside / "pack.tar"), "bundle": str(inside / "bundle"), "report": str(inside / "report")}

    with pytest.raises(ChildError) as caught:
        unpack(spec, lambda fraction, step: None)

    assert caught.value.code == "bundle-refused"
    assert reason in caught.value.message
    assert sorted(each.name for each in tmp_path.iterdir()) == ["scratch"], "nothing was written elsewhere"
    assert sum(each.stat().st_size for each in tmp_path.rglob("*") if each.is_file()) < 10 << 20


def unpacked(members: Mapping[str, bytes], folder: Path) -> Mapping[str, object]:
    (folder / "pack.tar").write_bytes(tarred(members))
    spec = {name: str(folder / name) for name in ("bundle", "report")}
    return unpack({**spec, "pack": str(folder / "pack.tar")}, lambda fraction, step: None)


def test_a_good_pack_is_taken_apart(good: dict[str, bytes], tmp_path: Path) -> None:
    said = unpacked(good, tmp_path)

    assert said == {key: value for key, value in json.loads(good["trained.json"]).items() if key != "format"}
    for name in good.keys() - {"trained.json"}:
        assert (tmp_path / name).read_bytes() == good[name]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bundle/plan.json", b"{}", "could not load it"),
        ("bundle/background.json", b'{"format": "skyulf.background/1", "rows": [{"nothing": 1}]}', "could not load it"),
        ("bundle/estimator/model.npy", pickle.dumps(Canary()), "could not load it"),
        ("bundle/evaluation.json", b"[]", "evaluation.json is none"),
        ("bundle/evaluation.json", b'{"task": "regression", "rows": 1, "metrics": {"r2": "x"}}', "evaluation.json"),
        ("trained.json", b'{"estimator": "a\\u0000b"}', "databases do not take"),
    ],
)
def test_what_nobody_could_use_is_not_taken_in(
    good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert name in good

    with pytest.raises(ChildError) as caught:
        unpacked({**good, name: data}, tmp_path)

    assert caught.value.code == "bundle-refused"
    assert reason in caught.value.message
    assert not (tmp_path / "fired").exists()
