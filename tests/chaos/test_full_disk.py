"""The whole disk of `skyulf up` is full for a while: clear refusals, nothing partial, and no restart to recover."""

import shutil
from pathlib import Path

import pytest
from harness import configs, constants
from harness.embedded import Embedded, rows
from harness.journal import Journal
from harness.promises import Figures
from harness.refusals import refused
from harness.small_disks import fill
from harness.stream import read_stream

DISK = "96m"
TIMES, UPLOADS = 3, 5
CSV = {"Content-Type": "text/csv"}
MOUNTED = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.promise("R17")
def test_a_full_disk_refuses_and_recovers_without_a_restart(tmp_path: Path, figures: Figures) -> None:
    running = Embedded(tmp_path)
    # mounts of its own, as the root of a user namespace: nobody else sees the small disk
    mounting = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED, DISK, str(running.home)]
    running.process.command = [*mounting, *running.process.command]
    running.start()
    seen_inside = Path(f"/proc/{running.process.pid}/root{running.home}")
    try:
        running.home = seen_inside
        with running.project() as owner, Journal.of(owner) as api:
            constants.opposites(api, "steady")
            assert api.deploy("steady", "steady", 1)["status"] == "ready"
            wanted = [api.ready_dataset(configs.tiny_data())["id"]]
            wanted += [each["id"] for each in api.ok("GET", "/datasets")["items"] if each["id"] not in wanted]
            told = 0
            for number in range(TIMES):
                objects, events = running.objects.keys("skyulf-ingestion"), len(list(read_stream(api)))
                fill(seen_inside / "ballast")
                told += refusals(api)
                assert len(list(read_stream(api))) == events
                assert running.objects.keys("skyulf-ingestion") == objects, "nothing partial"
                assert sorted(each["id"] for each in api.ok("GET", "/datasets")["items"]) == sorted(wanted)
                (seen_inside / "ballast").unlink()

                again = api.patient("POST", "/datasets", content=configs.tiny_data(70 + number), headers=CSV)
                assert api.dataset(again["id"])["status"] == "ready"
                api.eventually(lambda known=again["id"]: api.knows_dataset(known), what="the event")
                wanted.append(again["id"])
            assert api.train(configs.tiny(), wanted[-1], register_as="after")["version"] == 1
            assert api.deploy("steady", "steady", 2)["status"] == "ready"
            assert api.crashed == []
        assert sound(running, tmp_path / "copies") == len(running.databases())
        running.stop()
    finally:
        running.process.kill_tree()
    figures(f"disk of {DISK} full {TIMES} times: {told} writes refused with 507, 0 partial, 0 restarts")


def sound(running: Embedded, copies: Path) -> int:
    """Copy the databases as they are in one moment, and check each; returns how many there are."""
    running.process.pause()
    shutil.copytree(running.home / "db", copies)
    running.process.resume()
    found = sorted(copies.glob("*.sqlite3"))
    assert [rows(path, "PRAGMA integrity_check") for path in found] == [[("ok",)]] * len(found)
    return len(found)


def refusals(api: Journal) -> int:
    """Uploads are refused with a reason, reading and predicting go on; returns how many were refused."""
    for number in range(UPLOADS):
        answer = api.call("POST", "/datasets", content=configs.tiny_data(10 ** (number + 1)), headers=CSV)
        assert refused(answer, 507)["type"] == "/problems/storage-full"
        assert api.call("GET", "/datasets").status_code == 200
        assert constants.check(api.predict("steady", constants.ROWS)) == 1
    return UPLOADS
