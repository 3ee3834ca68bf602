import polars as pl
import pytest
from harness.promises import Figures
from skyulf_ingestion.child.csv_file import read_csv
from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.head import check_head

DATASETS = "/api/v1/datasets"
BAD = {
    "empty": (b"", "empty", 422),
    "blank": (b"\n\n", "empty", 422),
    "header only": (b"a,b\n", "no rows", 422),
    "too few fields": (b"a,b\n1,2\n3\n", "Line 3 has 1 fields", 422),
    "too many fields": (b"a,b\n1,2\n3,4,5\n", "Line 3 has 3 fields", 422),
    "duplicate names": (b"a,b,a\n1,2,3\n", "'a'", 422),
    "too many columns": ((",".join(f"c{n}" for n in range(5_001)) + "\n").encode(), "5001 columns", 422),
    "empty name": (b"a,,c\n1,2,3\n", "Column 2", 422),
    "nul byte": (b"a,b\n1,2\n3,\x00\n", "Line 3 contains a NUL", 422),
    "wrong encoding": ("a,b\n1,é\n".encode("latin-1"), "byte 6", 422),
    "duplicate names after blank lines": (b"\n\na,a\n1,2\n", "line 3", 422),
    "open quote": (b'a,b\n1,"x\n2,y\n', "line 2", 422),
    "a zip": (b"PK\x03\x04whatever", "zip", 415),
    "parquet as csv": (b"PAR1\x00\x00", "Parquet", 415),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_file_is_refused_by_line_and_leaves_nothing(ingestion, upload, case):
    data, said, status = BAD[case]

    answer = await upload(data)

    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    await _nothing_is_left(ingestion)


async def test_a_mistake_deep_in_a_file_fails_the_dataset_with_its_line(ingestion, runner, upload, settled):
    rows = b"".join(b"%d,%d\n" % (row, row) for row in range(100_000))

    ragged = await upload(b"a,b\n" + rows + b"1,2,3\n")
    encoded = await upload(b"a,b\n" + rows + b"1,\xff\n")

    found = await settled(ragged.json()["id"])
    assert (found["status"], found["error"]["code"]) == ("failed", "ragged-row")
    assert "100002" in found["error"]["message"]
    found = await settled(encoded.json()["id"])
    assert found["error"]["code"] == "wrong-encoding"
    assert (await upload(b"a\n1\n")).status_code == 202, "the service goes on"


MANY = b"1,2\n" * 90_000
DEEP = {
    "after blank lines": (b"a,b\n" + MANY + b"\n\n1,2,3\n", "ragged-row", "Line 90004 "),
    "after quoted line breaks": (
        b"a;b\n" + MANY.replace(b",", b";") + b'1;"x\ny"\n' * 2 + b"1;2;3\n",
        "ragged-row",
        "90006",
    ),
    "after a long cell": (b"a,b\n" + MANY + b"1," + b"x" * 200_000 + b"\n1,2,3\n", "ragged-row", "90003"),
    "an open quote": (b"a,b\n" + MANY + b'1,"x\n2,y\n', "unterminated-quote", "line 90002"),
    "an endless cell": (b"a,b\n" + MANY + b"1," + b"x" * (20 << 20) + b"\n", "cell-too-long", "line 90002"),
}


@pytest.mark.parametrize("case", DEEP)
def test_the_line_is_right_wherever_the_fault_is(tmp_path, case):
    data, code, said = DEEP[case]
    (tmp_path / "file.csv").write_bytes(data)

    with pytest.raises(UnreadableFileError) as caught:
        read_csv(tmp_path / "file.csv", tmp_path, encoding=None, separator=None)

    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message


def test_all_names_together_have_a_limit(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"{number:080d}" for number in range(5_000)) + "\n")

    with pytest.raises(UnreadableFileError, match="256 KiB"):
        read_csv(path, tmp_path, encoding=None, separator=None)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b'a,b\n5" pipe,2\n', [('5" pipe', 2)]),
        (b'a,b\n5" pipe,2\n6" pipe,3\n', [('5" pipe', 2), ('6" pipe', 3)]),
        (b"a,b\r1,2\r3,4\r", [(1, 2), (3, 4)]),
        (b"a,b\r1,2\n3,4\n", [(1, 2), (3, 4)]),
        (b"\xef\xbb\xbf\n\na,b\n1,2\n", [(1, 2)]),
        (b'a,b\n"x""y",2\n', [('x"y', 2)]),
        (b"a,b\n1," + b"x" * 140_000 + b"\n", [(1, "x" * 140_000)]),
    ],
)
def test_odd_but_good_files_lose_nothing(tmp_path, data, rows):
    (tmp_path / "file.csv").write_bytes(data)
    check_head(data, whole=True, kind="csv", encoding=None, separator=None)

    parquet, _, _ = read_csv(tmp_path / "file.csv", tmp_path, encoding=None, separator=None)

    assert pl.read_parquet(parquet).rows() == rows


@pytest.mark.parametrize(
    ("query", "content_type", "status"),
    [
        ("name=x", "application/pdf", 415),
        ("name=x&format=xlsx", "text/csv", 422),
        ("name=x&encoding=klingon", "text/csv", 422),
        ("name=x&encoding=rot13", "text/csv", 422),
        ("name=x&encoding=zlib", "text/csv", 422),
        ("name=x&encoding=base64", "text/csv", 422),
        ("name=x&encoding=unicode_escape", "text/csv", 422),
        ("name=x&separator=%0A", "text/csv", 422),
        ("name=x&separator=%C3%A9", "text/csv", 422),
        ("name=x&separator=%22", "text/csv", 422),
        ("name=x&separator=ab", "text/csv", 422),
        ("name=x%00y", "text/csv", 422),
        ("name=x&format=parquet", "text/csv", 415),
    ],
)
async def test_bad_declarations_are_refused(ingestion, upload, query, content_type, status):
    answer = await upload(b"a,b\n1,2\n", query=query, content_type=content_type)

    assert answer.status_code == status
    await _nothing_is_left(ingestion)


async def test_too_large_is_413(ingestion, upload):
    answer = await upload(b"a,b\n" + b"1,2\n" * (2 << 20))

    assert answer.status_code == 413
    await _nothing_is_left(ingestion)


@pytest.mark.promise("R17")
async def test_a_cut_connection_leaves_nothing(ingestion, figures: Figures):
    messages = [{"type": "http.request", "body": b"a,b\n1,2\n", "more_body": True}, {"type": "http.disconnect"}]
    token = ingestion.headers(ingestion.project)["Authorization"].encode()
    scope = {
        "type": "http", "method": "POST", "path": DATASETS, "raw_path": DATASETS.encode(), "query_string": b"name=cut",
        "headers": [(b"authorization", token), (b"content-type", b"text/csv")], "http_version": "1.1",
        "scheme": "http", "server": ("service", 80), "client": ("127.0.0.1", 1), "root_path": "", "asgi": {},
    }  # fmt: skip

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        return None

    await ingestion.app(scope, receive, send)

    await _nothing_is_left(ingestion)
    figures("1 upload cut: 0 datasets, 0 objects, 0 events")


async def _nothing_is_left(ingestion) -> None:
    assert (await ingestion.client.get(DATASETS)).json()["items"] == []
    store = ingestion.parts.objects("skyulf-ingestion")
    assert [found.key async for found in store.list("")] == []
    assert await ingestion.published() == []
