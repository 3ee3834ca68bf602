"""Folders of files as catalogues: every format, partitioned folders, names that stay inside, files that are wrong."""

import os
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from skyulf_core import DataCatalog, DataCatalogs, DataError, FileSystemCatalog
from skyulf_core.data.catalog.partitions import MOST_FILES

FRAME = pl.DataFrame(
    {
        "name": ["Ada", 'Łódź, "x"\nnew line', None, ""],
        "age": [36, None, 41, 7],
        "share": [0.1, 1e-9, None, 3.0],
        "yes": [True, None, False, True],
        "day": [date(1815, 12, 10), None, date(2024, 2, 29), date(1999, 1, 1)],
        "at": [datetime(2024, 1, 1, 12, 30), datetime(1890, 5, 5), None, datetime(2024, 1, 1, 0, 0, 1)],
    }
)


@pytest.fixture
def catalog(tmp_path: Path) -> FileSystemCatalog:
    root = tmp_path / "data [1]"
    root.mkdir()
    return FileSystemCatalog(root)


@pytest.fixture
def root(catalog: FileSystemCatalog, tmp_path: Path) -> Path:
    return tmp_path / "data [1]"


def refusal(call, *arguments: object) -> DataError:
    with pytest.raises(DataError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "json", "jsonl", "feather", "arrow"])
@pytest.mark.parametrize("kind", ["eager", "lazy", "pandas"])
def test_what_is_written_is_read_again(catalog: FileSystemCatalog, ending: str, kind: str) -> None:
    name = f"deep/er/{kind} [x]*.{ending}"
    data = {"eager": FRAME, "lazy": FRAME.lazy(), "pandas": FRAME.to_pandas(date_as_object=True)}[kind]

    catalog.write(name, data)

    found = catalog.read(name)
    if ending in ("json", "jsonl"):  # JSON has no dates: they stay ISO 8601 texts
        found = found.with_columns(pl.col("day").str.to_date(), pl.col("at").str.to_datetime())
    wanted = FRAME if kind != "pandas" else pl.from_pandas(data)
    assert found.columns == FRAME.columns
    assert [str(row) for row in found.with_columns(pl.col("age", "share").cast(float)).rows()] == [
        str(row) for row in wanted.with_columns(pl.col("age", "share").cast(float)).rows()
    ]
    assert (catalog.exists(name), catalog.list()) == (True, [name])
    assert catalog.scan(name).select(pl.len()).collect().item() == 4
    entry = catalog.describe(name)
    assert (entry.schema.names, entry.streams, bool(entry.size)) == (FRAME.columns, ending != "json", True)


def test_types_of_a_csv_come_from_all_rows(catalog: FileSystemCatalog, root: Path) -> None:
    (root / "late.csv").write_text("\ufeffa,b\n" + "1,2020-01-01\n" * 5000 + "x,2020-01-02\n", encoding="utf-8")

    assert [(c.name, c.dtype) for c in catalog.schema("late.csv")] == [("a", "string"), ("b", "date")]
    assert catalog.read("late.csv")["a"].to_list()[-1] == "x"


def test_an_arrow_stream_is_read_too(catalog: FileSystemCatalog, root: Path) -> None:
    FRAME.write_ipc_stream(root / "stream.arrow")

    assert catalog.read("stream.arrow").equals(FRAME)


def sheet(*rows: str) -> str:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return (
        f'<worksheet xmlns="{space}"><sheetData>{"".join(f"<row>{row}</row>" for row in rows)}</sheetData></worksheet>'
    )


def workbook(path: Path, *rows: str) -> None:
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    packed = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{packed}/content-types"><Default Extension="rels" ContentType="application/'
            'vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{packed}/relationships"><Relationship Id="r1" Type="{relation}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{relation}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{packed}/relationships"><Relationship Id="r1" Type="{relation}/worksheet" '
            'Target="worksheets/sheet1.xml"/></Relationships>',
        )
        file.writestr("xl/worksheets/sheet1.xml", sheet(*rows))


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def test_excel_is_read_by_columns(catalog: FileSystemCatalog, root: Path) -> None:
    workbook(
        root / "book.xlsx",
        text("item") + text("count") + text("price") + text("mixed") + text("good") + "<c><v>2024</v></c>",
        text("tea") + "<c><v>3</v></c><c><v>1.5</v></c><c><v>7</v></c><c t='b'><v>1</v></c><c/>",
        text("salt") + "<c><v>4</v></c><c/>" + text("x") + "<c t='b'><v>0</v></c><c/>",
    )

    found = catalog.read("book.xlsx")

    assert found.to_dict(as_series=False) == {
        "item": ["tea", "salt"], "count": [3, 4], "price": [1.5, None], "mixed": ["7", "x"], "good": [True, False],
        "2024": [None, None],
    }  # fmt: skip
    assert refusal(catalog.write, "book.xlsx", FRAME).reason == "read-only"
    workbook(root / "twice.xlsx", text("a") + text("a"))
    assert refusal(catalog.read, "twice.xlsx").reason == "duplicate-columns"
    workbook(root / "nothing.xlsx")
    assert refusal(catalog.read, "nothing.xlsx").reason == "empty-file"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_partitioned_folders_are_one_dataset(catalog: FileSystemCatalog, root: Path, ending: str) -> None:
    for year, country, values in (
        (2023, "NO", [1, 2]),
        (2024, "a%2Fb", [3.5]),
        (2024, "__HIVE_DEFAULT_PARTITION__", [4]),
    ):
        catalog.write(f"sales/year={year}/country={country}/part.{ending}", pl.DataFrame({"x": values}))
    (root / "sales" / "_SUCCESS").touch()

    found = catalog.read("sales")

    assert found.sort("x").rows() == [(1.0, 2023, "NO"), (2.0, 2023, "NO"), (3.5, 2024, "a/b"), (4.0, 2024, None)]
    assert catalog.scan("sales").filter(pl.col("year") == 2024).select(pl.len()).collect().item() == 2
    entry = catalog.describe("sales")
    assert (entry.partitions, entry.streams, entry.schema.names) == (
        ("year", "country"),
        True,
        ["x", "year", "country"],
    )
    assert (catalog.list(), catalog.exists("sales")) == (["sales"], True)
    assert refusal(catalog.write, "sales", FRAME).reason == "unknown-format"


def test_partition_values_keep_their_writing(catalog: FileSystemCatalog) -> None:
    for code, day in (("007", "2024-01-01"), ("12", "2024-02-29")):
        catalog.write(f"t/code={code}/day={day}/a.parquet", pl.DataFrame({"x": [1]}))

    assert sorted(catalog.read("t").rows()) == [(1, "007", date(2024, 1, 1)), (1, "12", date(2024, 2, 29))]


@pytest.mark.parametrize("folder", ["plain", "key=value"])
def test_files_that_are_alike_are_read_as_any_others(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    catalog = FileSystemCatalog(tmp_path / folder)
    for year, code in ((2023, "a%3Db"), (2024, "007"), (2025, "__HIVE_DEFAULT_PARTITION__")):
        catalog.write(f"t/year={year}/code={code}/x.parquet", pl.DataFrame({"x": [float(year)]}))

    assert catalog.read("t").rows() == [(2023.0, 2023, "a=b"), (2024.0, 2024, "007"), (2025.0, 2025, None)]
    assert catalog.scan("t").filter(pl.col("year") == 2024).collect().rows() == [(2024.0, 2024, "007")]
    assert catalog.schema("t").names == catalog.read("t").columns == ["x", "year", "code"]


def test_partitions_that_do_not_fit_together_are_refused(catalog: FileSystemCatalog, root: Path) -> None:
    catalog.write("a/year=1/x.csv", FRAME)
    catalog.write("a/x.csv", FRAME)
    assert refusal(catalog.read, "a").reason == "mixed-partitions"
    catalog.write("b/year=1/x.csv", FRAME)
    catalog.write("b/year=2/x.parquet", FRAME)
    assert refusal(catalog.read, "b").reason == "mixed-formats"
    (root / "c" / "year=1").mkdir(parents=True)
    assert refusal(catalog.read, "c").reason == "empty-file"
    assert refusal(catalog.read, "a/year=1").reason == "not-a-dataset"
    assert MOST_FILES >= 1000


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x.csv", "a/../../x.csv", "/etc/passwd", "a//b.csv", "./a.csv", "a\\..\\b.csv", "C:/x.csv",
     "a\x00.csv", ".hidden.csv", "a/.git/x.csv", "x" * 300 + ".csv", "a\n.csv"],
)  # fmt: skip
def test_names_stay_below_the_folder(catalog: FileSystemCatalog, root: Path, name: str) -> None:
    for call in (catalog.read, catalog.scan, catalog.describe):
        assert refusal(call, name).reason in ("invalid-name", "missing-dataset")
    assert refusal(catalog.write, name, FRAME).reason in ("invalid-name", "not-writable")
    assert not catalog.exists(name)
    assert list(root.iterdir()) == []


def test_links_that_lead_out_are_not_followed(catalog: FileSystemCatalog, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    FRAME.write_csv(outside / "secret.csv")
    (root / "link.csv").symlink_to(outside / "secret.csv")
    (root / "folder").symlink_to(outside)
    (root / "circle.csv").symlink_to(root / "circle.csv")
    catalog.write("t/year=1/in.csv", FRAME)
    (root / "t" / "year=1" / "out.csv").symlink_to(outside / "secret.csv")
    (root / "inside.csv").symlink_to(root / "t" / "year=1" / "in.csv")

    for name in ("link.csv", "folder/secret.csv", "circle.csv", "folder"):
        assert refusal(catalog.read, name).reason == "invalid-name"
        assert refusal(catalog.write, name, FRAME).reason == "invalid-name"
    assert catalog.list() == ["inside.csv", "t"]
    assert catalog.read("t").height == catalog.read("inside.csv").height == 4
    assert (outside / "secret.csv").read_text() == FRAME.write_csv()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "empty-file"), ("a.csv", b"\n\n", "empty-file"), ("a.json", b"[]", "empty-file"),
        ("a.csv", b"a,b\n1,2,3\n", "broken-file"), ("a.csv", b"a,a\n1,2\n", "duplicate-columns"),
        ("a.csv", b"a,b\n\xff\xfe,1\n", "broken-file"), ("a.csv", b'a,b\n"1,2\n', "broken-file"),
        ("a.tsv", b"^x$\ty\n1\t2\n", "invalid-column-name"),
        ("a.parquet", b"PAR1 nonsense", "broken-file"), ("a.jsonl", b'{"a": 1}\n{"a": ', "broken-file"),
        ("a.json", b"nope", "broken-file"), ("a.json", b"[1, 2]", "broken-file"),
        ("a.arrow", b"ARROW1 x", "broken-file"), ("a.feather", b"nonsense", "broken-file"),
        ("a.xlsx", b"nonsense", "broken-file"),
        ("a.docx", b"x", "unknown-format"), ("a", b"x", "unknown-format"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(
    catalog: FileSystemCatalog, root: Path, name: str, content: bytes, reason: str
) -> None:
    (root / name).write_bytes(content)

    error = refusal(catalog.read, name)

    assert error.reason == reason
    assert "\n" not in str(error)


def test_a_header_alone_is_a_table_without_rows(catalog: FileSystemCatalog, root: Path) -> None:
    (root / "a.csv").write_text("a,b\n")
    catalog.write("b.tsv", FRAME.head(0))

    assert catalog.read("a.csv").schema == {"a": pl.String, "b": pl.String}
    assert catalog.read("b.tsv").schema == dict.fromkeys(FRAME.columns, pl.String)


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet", "arrow"])
def test_names_survive_whatever_is_in_them(catalog: FileSystemCatalog, ending: str) -> None:
    frame = pl.DataFrame({'it"s': [1], '"': [2], 'a""': [3], "b\nc": [4], "d,e\tf": [5], "g\rh": [6]})

    catalog.write(f"a.{ending}", frame)

    assert catalog.read(f"a.{ending}").equals(frame)
    assert catalog.scan(f"a.{ending}").select('it"s').collect().rows() == [(1,)]


@pytest.mark.parametrize(
    "header",
    ['"a\nb",c,"a\nb"', ",".join([*(f"{i:0600}" for i in range(2000)), "a\nb", "a\nb"]).replace("a\nb", '"a\nb"')],
    ids=["of two lines", "of a megabyte"],
)
def test_a_name_that_occurs_twice_is_found_in_any_header(catalog: FileSystemCatalog, root: Path, header: str) -> None:
    (root / "a.csv").write_text(header + "\n" + ",".join("1" * (header.count(",") + 1)) + "\n")

    error = refusal(catalog.read, "a.csv")

    assert (error.reason, error.column) == ("duplicate-columns", "a\nb")
    assert repr("a\nb") in str(error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-be"), "save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-32"), "save it as UTF-8"),
        ("größe,b\n1,2\n".encode("latin-1"), "save it as UTF-8"),
        (b"a,b\r1,2\r3,4\r", "save it with line feeds"),
        (b'a"b,c\n1,2\n', 'write it as "a""b"'),
        (b'"a,b\n1,2\n', "the header cannot be read"),
        (b"a" * 200_000 + b"\n1\n", "the header cannot be read"),
    ],
    ids=["utf-16", "utf-16 without a mark", "utf-32", "latin-1", "returns", "bare quote", "open quote", "endless"],
)
def test_a_header_that_is_not_certain_is_refused(
    catalog: FileSystemCatalog, root: Path, content: bytes, said: str
) -> None:
    (root / "a.csv").write_bytes(content)

    assert said in str(refusal(catalog.read, "a.csv"))
    assert said in str(refusal(catalog.describe, "a.csv"))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("values", "endings", "said"),
    [
        ([1.0, float("inf")], ["json", "jsonl"], "infinite"),
        ([[1.0], [-float("inf")]], ["json", "jsonl"], "infinite"),
        ([{"x": [float("inf")]}], ["json", "jsonl"], "infinite"),
        ([b"\xff"], ["csv", "tsv", "json", "jsonl"], "type binary"),
        ([{"x": [b"\xff"]}], ["json", "jsonl"], "type binary"),
        ([[1]], ["csv", "tsv"], "type list"),
        ([{"x": 1}], ["csv", "tsv"], "type struct"),
        ([timedelta(1)], ["csv", "tsv"], "type duration"),
        ([], ["json", "jsonl"], "no rows"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(
    catalog: FileSystemCatalog, root: Path, values: list[object], endings: list[str], said: str, lazy: bool
) -> None:
    frame = pl.DataFrame({"a": values, "b": ["x"] * len(values)})

    for ending in endings:
        error = refusal(catalog.write, f"a.{ending}", frame.lazy() if lazy else frame)
        assert (error.reason, error.column) == ("not-writable", "a" if values else None)
        assert said in str(error)
    catalog.write("a.parquet", frame)

    assert catalog.read("a.parquet").equals(frame)
    assert os.listdir(root) == ["a.parquet"]


def test_a_frame_without_columns_is_not_written(catalog: FileSystemCatalog) -> None:
    for ending in ("csv", "json", "jsonl", "parquet", "arrow"):
        assert refusal(catalog.write, f"a.{ending}", pl.DataFrame()).reason == "not-writable"
    assert catalog.list() == []


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_byte_order_mark_is_no_part_of_json(catalog: FileSystemCatalog, root: Path, ending: str) -> None:
    text = '{"a": 1}\n{"a": 2}\n' if ending == "jsonl" else '[{"a": 1}, {"a": 2}]'
    (root / f"a.{ending}").write_text(text, encoding="utf-8-sig")

    assert catalog.read(f"a.{ending}")["a"].to_list() == [1, 2]
    assert [catalog.scan(f"a.{ending}").select("a").collect().height for _ in range(2)] == [2, 2]


def test_a_name_that_is_not_there_leads_to_the_nearest(catalog: FileSystemCatalog) -> None:
    assert "none at all" in str(refusal(catalog.read, "x.csv"))
    catalog.write("customers.csv", FRAME)

    error = refusal(catalog.read, "custmers.csv")

    assert (error.reason, "Did you mean 'customers.csv'?" in str(error)) == ("missing-dataset", True)
    assert refusal(FileSystemCatalog, "/no/such/folder").reason == "missing-folder"


def test_a_write_that_fails_leaves_the_old_file(catalog: FileSystemCatalog, root: Path) -> None:
    catalog.write("a.csv", FRAME)
    before = (root / "a.csv").read_bytes()
    broken = FRAME.lazy().select(pl.col("name").cast(pl.Int64))

    assert refusal(catalog.write, "a.csv", broken).reason == "not-writable"
    assert refusal(catalog.write, "a.csv", pl.DataFrame({"x": [[1, 2]]})).reason == "not-writable"
    assert refusal(catalog.write, "a.csv/b.csv", FRAME).reason == "not-writable"

    assert (root / "a.csv").read_bytes() == before
    assert sorted(os.listdir(root)) == ["a.csv"]


def test_a_file_can_be_made_from_itself(catalog: FileSystemCatalog) -> None:
    catalog.write("a.parquet", FRAME)

    catalog.write("a.parquet", catalog.scan("a.parquet").with_columns(pl.col("age") + 1))

    assert catalog.read("a.parquet")["age"].to_list() == [37, None, 42, 8]


def test_kinds_of_catalogues_are_found_by_name(tmp_path: Path) -> None:
    assert "files" in DataCatalogs.names()
    assert isinstance(DataCatalogs.get("files")(tmp_path), DataCatalog)
    assert "Did you mean 'files'?" in str(refusal(DataCatalogs.get, "file"))
