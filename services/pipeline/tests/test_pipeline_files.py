"""Files that nodes read when they learn: the operator says where they lie, whatever a graph names."""

from pathlib import Path

import polars as pl
import pytest
from pipeline_street import Json, Street, open_street

VECTORS = "red 1 0\nblue 0 1\ngreen 1 1\n"
WORDS = pl.DataFrame({"text": ["red", "blue", "green", "red blue"] * 10, "y": ["a", "b", "a", "b"] * 10})


def config(path: Path) -> Json:
    return {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": "y"}},
            {"node": "SentenceEmbedder", "config": {"columns": ["text"], "path": str(path)}},
        ],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 2}},
    }


async def ended(street: Street, path: Path) -> Json:
    job = await street.queued(config=config(path), frame=WORDS)
    async with street.working():
        return await street.until(job["id"], "succeeded", "failed")


async def test_a_file_of_the_operators_folder_is_read(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "words.txt").write_text(VECTORS)
    async with open_street(sqlite_url, tmp_path / "home", node_files=folder) as street:
        job = await ended(street, folder / "words.txt")

    assert job["status"] == "succeeded", job["error"]


@pytest.mark.parametrize("way", ["outside", "dots", "link", "link inside"])
async def test_a_file_elsewhere_is_not_read_whatever_leads_to_it(lane: Street, tmp_path: Path, way: str) -> None:
    secret, folder = tmp_path / "secret.txt", tmp_path / "home" / "files"
    folder.mkdir(parents=True, exist_ok=True)
    secret.write_text(VECTORS)
    (folder / "link.txt").symlink_to(secret)
    (folder / "model" / "deep").mkdir(parents=True)
    (folder / "model" / "deep" / "words.txt").symlink_to(secret)
    paths = {
        "outside": secret,
        "dots": folder / ".." / ".." / "secret.txt",
        "link": folder / "link.txt",
        "link inside": folder / "model",
    }

    job = await ended(lane, paths[way])

    assert (job["status"], job["error"]["code"]) == ("failed", "file-refused")
    assert "SKYULF_PIPELINE_NODE_FILES" in job["error"]["message"]
    assert "/steps/1/config/path" in job["error"]["message"]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("exists", [True, False])
async def test_a_file_that_only_a_search_names_is_not_read(
    lane: Street, tmp_path: Path, place: int, exists: bool
) -> None:
    folder, secret = tmp_path / "home" / "files", tmp_path / "secret.txt"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.txt").write_text(VECTORS)
    if exists:
        secret.write_text(VECTORS)
    choices = [str(folder / "words.txt")]
    choices.insert(place, str(secret))
    client = lane.caller()
    created = await client.post("/api/v1/pipelines", json={"name": "Words", "config": config(folder / "words.txt")})
    event = await lane.dataset(WORDS)
    tuning = {
        "strategy": "grid",
        "cv": {"type": "k_fold", "folds": 2},
        "search_space": {"SentenceEmbedder.path": choices},
    }
    answer = await client.post(
        f"/api/v1/pipelines/{created.json()['id']}/tunings",
        json={"dataset_id": str(event.dataset_id), "tuning": tuning},
    )
    assert answer.status_code == 202, answer.text
    async with lane.working():
        job = await lane.until(answer.json()["id"], "succeeded", "failed")

    assert (job["status"], job["error"]["code"]) == ("failed", "file-refused")
    pointer = f"/tuning/search_space/SentenceEmbedder.path/choices/{place}"
    assert job["error"]["message"] == (
        f"{pointer}: {str(secret)!r} is not a file that jobs may read. The operator of this server decides which are "
        "(SKYULF_PIPELINE_NODE_FILES); name one of those by its whole path."
    )
