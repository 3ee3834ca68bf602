"""Files that cannot become datasets: refused at once or failed soon, always with the reason, and nothing stays."""

import random
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from harness import configs
from harness.api import Api
from harness.form import Skyulf
from harness.promises import Figures
from harness.refusals import refused

BUCKET = "skyulf-ingestion"  # of all projects: what others have deleted may go while a test looks
LONG = b"a,b\n" + b"1,2\n" * 100_000  # what is wrong behind it is found by the import, not by the first look
AT_ONCE = {
    "empty": (b"", {}, 422, ["empty"]),
    "blank": (b" \n \n", {}, 422, ["empty"]),
    "header-only": (b"a,b\n", {}, 422, ["line 1"]),
    "ragged": (b"a,b\n1,2\n1,2,3\n", {}, 422, ["Line 3"]),
    "unterminated-quote": (b'a,b\n1,2\n"1,2\n', {}, 422, ["line 3"]),
    "wrong-encoding": ("a,b\nJosé,2\n".encode("latin-1"), {}, 422, ["byte 7", "line 2", "windows-1252"]),
    "unknown-encoding": (b"a\n1\n", {"encoding": "klingon"}, 422, ["klingon"]),
    "duplicate-columns": (b"a,b,a\n1,2,3\n", {}, 422, ["line 1", "'a'"]),
    "unnamed-column": (b"a,,c\n1,2,3\n", {}, 422, ["Column 2"]),
    "control-character": (b"a,b\x07\n1,2\n", {}, 422, ["column 2"]),
    "nul-byte": (b"a,b\n1,\x002\n", {}, 422, ["Line 2", "NUL"]),
    "too-many-columns": (b",".join(b"c%d" % n for n in range(5001)) + b"\n1\n", {}, 422, ["5001"]),
    "long-name": (b"a\n1\n", {"name": "x" * 256}, 422, ["/query/name"]),
    "two-separators": (b"a\n1\n", {"separator": ";;"}, 422, ["/query/separator"]),
    "parquet-as-csv": (b"PAR1 and more", {"format": "csv"}, 415, ["Parquet"]),
    "csv-as-parquet": (b"a,b\n1,2\n", {"format": "parquet"}, 415, ["Parquet"]),
    "cut-parquet": (b"PAR1" + bytes(100), {"format": "parquet"}, 422, ["cut off"]),
    "zip": (b"PK\x03\x04" + bytes(100), {}, 415, ["zip"]),
    "pickle": (b"\x80\x04\x95" + bytes(100), {}, 415, ["pickle"]),
}
LATER = {
    "ragged": (LONG + b"1,2,3\n", "ragged-row", "Line 100002"),
    "nul-byte": (LONG + b"1,\x002\n", "nul-byte", "Line 100002"),
    "wrong-encoding": (LONG + "é,2\n".encode("latin-1"), "wrong-encoding", f"byte {len(LONG)}"),
    "unterminated-quote": (LONG + b'"1,2\n1,2\n', "unterminated-quote", "line 100002"),
    "broken-parquet": (b"PAR1" + bytes(300 << 10) + b"PAR1", "unreadable-parquet", "Parquet"),
}


@pytest.fixture(scope="module")
def api(skyulf: Skyulf) -> Iterator[Api]:
    """A project of its own; afterwards no file of work is left, and a good file is still read."""
    with skyulf.project() as project:
        yield project
        found = project.dataset(project.upload(configs.tiny_data())["id"])
    assert found["status"] == "ready"
    assert skyulf.left_behind() == []


def names(api: Api) -> list[str]:
    """The project's datasets that were not refused."""
    return [dataset["id"] for dataset in api.ok("GET", "/datasets")["items"]]


@pytest.mark.parametrize(("data", "options", "status", "words"), AT_ONCE.values(), ids=AT_ONCE)
def test_a_file_is_refused(
    skyulf: Skyulf, api: Api, data: bytes, options: dict[str, str], status: int, words: list[str]
) -> None:
    before, known = skyulf.objects.keys(BUCKET), names(api)
    answer = api.call("POST", "/datasets", params=options, content=data, headers={"Content-Type": "text/csv"})

    refused(answer, status, *words)
    assert names(api) == known
    assert skyulf.objects.keys(BUCKET) <= before


@pytest.mark.parametrize(("data", "code", "words"), LATER.values(), ids=LATER)
def test_a_file_fails_with_the_line(skyulf: Skyulf, api: Api, data: bytes, code: str, words: str) -> None:
    before = skyulf.objects.keys(BUCKET)
    kind = "application/vnd.apache.parquet" if data.startswith(b"PAR1") else "text/csv"
    found = api.dataset(api.upload(data, media_type=kind)["id"])

    assert found["status"] == "failed"
    assert found["error"]["code"] == code
    assert words in found["error"]["message"]
    refused(api.call("GET", f"/datasets/{found['id']}/profile"), 409, words)
    assert api.ok("GET", f"/datasets/{found['id']}")["rows"] is None
    api.eventually(lambda: skyulf.objects.keys(BUCKET) <= before, what="the refused file is gone", seconds=20)
    assert api.call("DELETE", f"/datasets/{found['id']}").status_code == 204
    assert skyulf.objects.keys(BUCKET) <= before


def test_a_deleted_dataset_leaves_no_object_and_its_twin_keeps_its_own(skyulf: Skyulf, api: Api) -> None:
    before = skyulf.objects.keys(BUCKET)
    first, twin = [api.ready_dataset(configs.tiny_data()) for _ in range(2)]
    assert len(skyulf.objects.keys(BUCKET) - before) == 6, "each has its file as it came, its Parquet and its profile"

    assert api.call("DELETE", f"/datasets/{first['id']}").status_code == 204
    api.eventually(lambda: len(skyulf.objects.keys(BUCKET) - before) == 3, what="its objects are gone", seconds=20)
    assert api.ok("GET", f"/datasets/{twin['id']}/sample")["rows"]

    assert api.call("DELETE", f"/datasets/{twin['id']}").status_code == 204
    api.eventually(lambda: skyulf.objects.keys(BUCKET) <= before, what="the twin's are gone too", seconds=20)


def test_other_media_types_are_refused(api: Api) -> None:
    for kind in ("application/pdf", "image/png", "application/json"):
        refused(api.call("POST", "/datasets", content=b"a\n1\n", headers={"Content-Type": kind}), 415, kind)
    refused(api.call("POST", "/datasets", files={"other": (None, "no file")}), 422, "/other")


def test_a_file_that_says_it_is_too_large_is_not_even_read(skyulf: Skyulf, api: Api) -> None:
    before = skyulf.objects.keys(BUCKET)
    with half_a_request(api, length=1 << 50, sent=b"a,b\n") as connection:
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert skyulf.objects.keys(BUCKET) <= before


@pytest.mark.promise("R17")
def test_a_connection_that_is_cut_leaves_nothing(skyulf: Skyulf, api: Api, figures: Figures) -> None:
    before, known = skyulf.objects.keys(BUCKET), names(api)
    chance = random.Random(17)
    cuts = [0, 4, len(LONG), *(chance.randrange(len(LONG)) for _ in range(5))]
    for cut in cuts:
        with half_a_request(api, length=1 << 20, sent=LONG[:cut]):
            time.sleep(0.2)

    api.eventually(lambda: skyulf.objects.keys(BUCKET) <= before, what="the half of a file is gone", seconds=10)
    assert names(api) == known
    figures(f"{skyulf.form}: {len(cuts)} uploads cut, 5 at bytes that were drawn: 0 datasets, 0 objects")


def half_a_request(api: Api, *, length: int, sent: bytes) -> socket.socket:
    """Begin an upload and go no further."""
    place = urlsplit(api.url)
    connection = socket.create_connection((place.hostname, place.port), timeout=10)
    head = [
        "POST /api/v1/datasets HTTP/1.1",
        f"Host: {place.netloc}",
        f"Authorization: Bearer {api.key}",
        "Content-Type: text/csv",
        f"Content-Length: {length}",
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode() + sent)
    return connection
