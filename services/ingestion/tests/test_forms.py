"""Files in multipart forms take the way of raw bodies: streamed, limited, and nothing stays of what is refused."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from skyulf_ingestion.main import SERVICE
from skyulf_service.testing.services import running_service

DATASETS = "/api/v1/datasets"
BOUNDARY = "x-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
LAST = f"--{BOUNDARY}--\r\n".encode()
MEBIBYTE = 1 << 20
LONG = f'name="file"; filename="{"x" * 10_000}.csv"'


def part(data: bytes, disposition: str = 'name="file"; filename="t.csv"', kind: str = "text/csv") -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode("latin-1") + data + b"\r\n"


GOOD = part(b"a,b\n1,2\n")
BAD = {
    "no file": (part(b"text", 'name="file"') + LAST, 422, "with a file in it"),
    "a field before": (part(b"t", 'name="name"') + GOOD + LAST, 422, "said in the query"),
    "a field behind": (GOOD + part(b"t", 'name="separator"') + LAST, 422, "said in the query"),
    "another name": (part(b"a\n1\n", 'name="fil"; filename="t.csv"') + LAST, 422, "`file`"),
    "nothing at all": (LAST, 422, "no file"),
    "two files": (GOOD + part(b"a\n1\n", 'name="file"; filename="u.csv"') + LAST, 422, "several files"),
    "cut in the file": (GOOD[:-4], 422, "last boundary"),
    "cut behind the file": (GOOD, 422, "last boundary"),
    "no form": (b"a,b\n1,2\n", 422, "cannot be read"),
    "a large header": (part(b"a\n1\n", LONG) + LAST, 422, "header size"),
    "nul in the name": (part(b"a\n1\n", 'name="file"; filename="a\x00b.csv"') + LAST, 422, ""),
    "tab in the name": (part(b"a\n1\n", 'name="file"; filename="a\tb.csv"') + LAST, 422, "control"),
    "ragged": (part(b"a,b\n1,2,3\n") + LAST, 422, "Line 2"),
    "other type": (part(b"a\n1\n", kind="application/pdf") + LAST, 415, "application/pdf"),
    "too large": (part(b"a\n" + b"1\n" * (3 * MEBIBYTE)) + LAST, 413, "larger"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_form_is_refused_and_leaves_nothing(ingestion, case):
    body, status, said = BAD[case]

    answer = await ingestion.client.post(DATASETS, content=body, headers=FORM)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert said in answer.json()["detail"]
    assert [found.key async for found in ingestion.parts.objects("skyulf-ingestion").list()] == []
    assert (await ingestion.client.get(DATASETS)).json()["items"] == []


async def test_a_form_without_a_boundary_is_refused(ingestion):
    for kind in ("multipart/form-data", f"multipart/form-data; boundary={'b' * 300}"):
        answer = await ingestion.client.post(DATASETS, content=GOOD + LAST, headers={"Content-Type": kind})
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd.csv", "passwd"),
        ("C:\\data\\flights.csv", "flights"),
        ("/", "dataset"),
        ("Zürich.csv".encode().decode("latin-1"), "Zürich"),
    ],
)
async def test_a_file_name_is_only_shown(ingestion, sent, shown):
    body = part(b"a\n1\n", f'name="file"; filename="{sent}"')
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]  # boundaries fall into any place

    async def stream() -> AsyncIterator[bytes]:
        for piece in [*pieces, LAST]:
            yield piece

    answer = await ingestion.client.post(DATASETS, content=stream(), headers=FORM)

    assert answer.status_code == 202, answer.text
    assert (answer.json()["name"], answer.json()["bytes"]) == (shown, 4)
    (key,) = [found.key async for found in ingestion.parts.objects("skyulf-ingestion").list()]
    assert key.startswith("uploads/")
    assert await ingestion.parts.objects("skyulf-ingestion").get_bytes(key) == b"a\n1\n"


async def test_a_large_form_does_not_stay_in_memory(sqlite_url: str, tmp_path: Path):
    row = b"1,2\n" * (MEBIBYTE // 4)
    process = psutil.Process(os.getpid())
    most = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal most
        head, _, tail = part(b"a,b\n?").partition(b"?")
        yield head
        for _ in range(60):
            most = max(most, process.memory_info().rss)
            assert spooled(process) == []
            for at in range(0, len(row), 1 << 16):
                yield row[at : at + (1 << 16)]
        yield tail + LAST

    async with running_service(SERVICE, database_url=sqlite_url, home=tmp_path) as ingestion:
        before = process.memory_info().rss
        answer = await ingestion.client.post(DATASETS, content=stream(), headers=FORM)

    assert answer.status_code == 202, answer.text
    assert answer.json()["bytes"] == 60 * MEBIBYTE + 4
    assert most - before < 30 * MEBIBYTE


def spooled(process: psutil.Process) -> list[str]:
    """Temporary files that a form was written to before it goes where it belongs."""
    return [file.path for file in process.open_files() if "(deleted)" in file.path or "SpooledTemporary" in file.path]
