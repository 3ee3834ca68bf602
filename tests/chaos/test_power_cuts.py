"""kill -9 of `skyulf up` at any moment between upload and ready: nothing is lost, nothing happens twice."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from harness import configs
from harness.embedded import Embedded, rows
from harness.promises import Figures
from harness.stream import Seen, read_until


@pytest.mark.promise("R17")
@pytest.mark.parametrize("cuts", [2, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_uploads_survive_power_cuts(tmp_path: Path, cuts: int, figures: Figures) -> None:
    chance = random.Random(5)
    running = Embedded(tmp_path)
    running.start()
    try:
        api = running.project()
        pipeline = api.ok("POST", "/pipelines", json={"name": "cut", "config": configs.tiny()})
        wanted: list[str] = []
        for number in range(cuts):
            data = configs.tiny_data(60 + number)
            headers = {"Content-Type": "text/csv"}
            first = api.patient("POST", "/datasets", key=f"upload-{number}", content=data, headers=headers)
            if wanted:  # a training is cut too
                api.patient("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": wanted[-1]})
            time.sleep(chance.uniform(0, 1.2))
            running.kill()
            running.marker.assert_no_orphans()
            running.start()
            again = api.patient("POST", "/datasets", key=f"upload-{number}", content=data, headers=headers)
            assert again["id"] == first["id"]
            wanted.append(first["id"])
            assert api.dataset(first["id"])["status"] == "ready"
            api.eventually(lambda: api.knows_dataset(wanted[-1]), what="the event of the profile")

        jobs = [api.job(job["id"], seconds=60 * cuts) for job in api.ok("GET", "/jobs")["items"]]
        assert len(jobs) == cuts - 1
        assert [job["error"] for job in jobs if job["status"] != "succeeded"] == []
        api.eventually(lambda: len(api.versions("cut")) == len(jobs), what="a version of every job")
        listed = api.ok("GET", "/datasets", params={"limit": 200})["items"]
        assert sorted(dataset["id"] for dataset in listed) == sorted(wanted)
        ends = {("dataset.profiled", dataset) for dataset in wanted} | {("job.completed", job["id"]) for job in jobs}
        told = counted(read_until(api, lambda seen: ends <= counted(seen).keys()))
        assert {told[end] for end in ends} == {1}
        running.stop()
        for path in running.databases():
            assert rows(path, "PRAGMA integrity_check") == [("ok",)], path
            assert rows(path, "PRAGMA foreign_key_check") == [], path
        figures(f"{cuts} power cuts: {len(wanted)} uploads and {len(jobs)} jobs, 0 lost, 0 twice, databases sound")
    finally:
        running.process.kill_tree()


def counted(seen: list[Seen]) -> Counter[tuple[str, str]]:
    """How often the stream tells of each thing."""
    return Counter((each.type, each.event["subject"]) for each in seen)
