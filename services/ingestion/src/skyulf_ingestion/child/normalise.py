"""The child's work on one upload: normalise to Parquet, profile, sample."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
from pydantic import JsonValue
from skyulf_service.work.failures import ChildError

from skyulf_ingestion.child.csv_file import read_csv
from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.parquet_file import read_parquet
from skyulf_ingestion.child.profile import logical_type, profile, sample


def normalise(spec: Mapping[str, JsonValue], report: Callable[[float, str], None]) -> dict[str, JsonValue]:
    """Read ``spec["source"]`` and leave ``dataset.parquet`` and ``profile.json`` in ``spec["scratch"]``.

    Returns rows, columns, the profile's summary and how the file was read. Raises `ChildError` with the reason when
    the file cannot become a dataset.
    """
    try:
        return _normalise(spec, report)
    except UnreadableFileError as error:
        raise ChildError(error.code, error.message) from error


def _normalise(spec: Mapping[str, JsonValue], report: Callable[[float, str], None]) -> dict[str, JsonValue]:
    source, scratch = Path(str(spec["source"])), Path(str(spec["scratch"]))
    report(0.05, "parse")
    read: dict[str, JsonValue] = {}
    if spec["format"] == "parquet":
        typed = read_parquet(source, scratch)
    else:
        typed, encoding, separator = read_csv(
            source, scratch, encoding=_optional(spec, "encoding"), separator=_optional(spec, "separator")
        )
        read = {"encoding": encoding.name, "separator": separator}
    parquet = typed.rename(scratch / "dataset.parquet")
    report(0.5, "profile")
    described = profile(parquet, report)
    columns = _columns(parquet, described)
    document = {**described, "sample": sample(parquet), "read": read}
    (scratch / "profile.json").write_text(json.dumps(document, allow_nan=False, ensure_ascii=False))
    summary = {name: described[name] for name in ("rows", "missing_cells", "warnings")}
    return {"rows": described["rows"], "columns": columns, "summary": {**summary, "columns": len(columns)}, **read}


def _optional(spec: Mapping[str, JsonValue], name: str) -> str | None:
    value = spec.get(name)
    return value if isinstance(value, str) else None


def _columns(parquet: Path, described: Mapping[str, JsonValue]) -> list[JsonValue]:
    nulls = {column["name"]: column["nulls"] for column in described["columns"]}  # type: ignore[union-attr, index, call-overload]
    schema = pl.scan_parquet(parquet).collect_schema()
    return [
        {"name": name, "type": logical_type(dtype), "nullable": bool(nulls[name])} for name, dtype in schema.items()
    ]
