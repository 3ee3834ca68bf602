"""What the tests of tunings and of AutoML share: trials as the API tells them, and the bundle that a job has made."""

import asyncio
from pathlib import Path

from pipeline_street import Street, penguins, penguins_config
from skyulf_events import JobCompleted
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.manifest import verify_manifest

Json = dict[str, object]
SPACE = {"learning_rate": {"low": 0.01, "high": 0.5, "log": True}, "min_samples_leaf": {"low": 5, "high": 40}}


def tuning(**changes: object) -> Json:
    """How a small study searches, with other wishes."""
    return {"n_trials": 4, "search_space": SPACE, "cv": {"type": "k_fold", "folds": 3}, "pruner": "none", **changes}


async def tuned(street: Street, wanted: Json | None, *, config: Json | None = None, code: int = 202) -> Json:
    """Make a pipeline and a dataset, and ask for a tuning."""
    client = street.caller()
    body = {"name": "Penguins", "config": config or penguins_config(max_iter=5)}
    created = await client.post("/api/v1/pipelines", json=body)
    assert created.status_code == 201, created.text
    event = await street.dataset(penguins())
    request = {"dataset_id": str(event.dataset_id), **({} if wanted is None else {"tuning": wanted})}
    answer = await client.post(f"/api/v1/pipelines/{created.json()['id']}/tunings", json=request)
    assert answer.status_code == code, answer.text
    found: Json = answer.json()
    return found


async def trials(street: Street, job_id: object, **query: object) -> list[Json]:
    """All trials of a job, page by page."""
    found: list[Json] = []
    cursor = None
    while True:
        params = {"limit": 3, **query, **({"cursor": cursor} if cursor else {})}
        answer = await street.caller().get(f"/api/v1/jobs/{job_id}/trials", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return found


async def until_trials(street: Street, job_id: object, count: int) -> None:
    """Wait until so many trials are complete."""
    async with asyncio.timeout(240):
        while len(await trials(street, job_id, state="complete")) < count:
            await asyncio.sleep(0.1)


async def end_with_the_best(street: Street, job_id: object) -> None:
    """Ask a running study to try no more and to train its best."""
    answer = await street.caller().post(f"/api/v1/jobs/{job_id}/cancel", json={"keep_best": True})
    assert (answer.status_code, answer.json()["keep_best"]) == (202, True), answer.text


async def fetch_bundle(street: Street, done: JobCompleted, folder: Path) -> None:
    """Copy the files of a job's bundle, named by its signed manifest, into a folder."""
    assert done.artifact is not None
    store = street.parts.objects("skyulf-pipeline")
    manifest = verify_manifest(await store.get_bytes(done.artifact.key), load_public(street.parts.keys_dir))
    for entry in manifest["files"]:
        path = folder / entry["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        await Blobs(store).fetch(BlobRef.of(entry["sha256"], entry["size"]), path)
