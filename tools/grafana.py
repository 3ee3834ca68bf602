"""Dashboards of Grafana from a few words: rows of panels, each with its queries, laid out by themselves."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["s", "bytes", "short", "reqps", "percentunit", "ops"]
Kind = Literal["timeseries", "stat", "table"]
WIDTH, COLUMNS, HEIGHT = 24, 3, 8
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called (``{{label}}``)."""

    promql: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture; ``says`` is what a person shall see in it."""

    title: str
    says: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Kind = "timeseries"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows; ``name`` is its file and its stable address."""

    name: str
    title: str
    rows: tuple[Row, ...]

    def queries(self) -> Iterator[Query]:
        """Every query of every panel."""
        for row in self.rows:
            for panel in row.panels:
                yield from panel.queries

    def document(self) -> str:
        """The file that Grafana reads."""
        body = {
            "uid": f"skyulf-{self.name}",
            "title": self.title,
            "tags": ["skyulf"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "utc",
            "links": [{"type": "dashboards", "title": "Skyulf", "tags": ["skyulf"], "asDropdown": True}],
            "panels": list(_laid_out(self.rows)),
        }
        return json.dumps(body, indent=2) + "\n"


def _laid_out(rows: Sequence[Row]) -> Iterator[dict[str, object]]:
    top, number = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        top += 1
        for index, panel in enumerate(row.panels):
            number += 1
            width = WIDTH // COLUMNS
            across, down = index % COLUMNS, index // COLUMNS
            place = {"x": across * width, "y": top + down * HEIGHT, "w": width, "h": HEIGHT}
            yield _panel(panel, number, place)
        top += -(-len(row.panels) // COLUMNS) * HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, object]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}} if panel.kind == "timeseries" else {},
        "targets": [_target(query, panel, chr(ord("A") + index)) for index, query in enumerate(panel.queries)],
    }


def _target(query: Query, panel: Panel, letter: str) -> dict[str, object]:
    now = panel.kind != "timeseries"
    return {
        "refId": letter,
        "datasource": PROMETHEUS,
        "expr": query.promql,
        "legendFormat": query.legend or "__auto",
        "exemplar": "_bucket" in query.promql and not now,
        "instant": now,
        "range": not now,
        **({"format": "table"} if panel.kind == "table" else {}),
    }
