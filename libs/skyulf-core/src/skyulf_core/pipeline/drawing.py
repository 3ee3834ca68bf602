"""A pipeline as HTML: boxes from the data down to the model, branches side by side, details that fold out."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from skyulf_core.fitted import FittedPipeline
from skyulf_core.params import Params
from skyulf_core.pipeline.describing import settings_of, summary
from skyulf_core.pipeline.lanes import Place, places
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.wiring import SOURCE

_STYLE = """
.skyulf-pipeline{font:13px/1.4 system-ui,sans-serif;max-width:100%;overflow-x:auto}
.skyulf-pipeline .grid{display:grid;gap:14px 10px;justify-content:start;margin-top:8px}
.skyulf-pipeline .box{position:relative;border:1px solid #8884;border-radius:6px;padding:4px 10px;background:#8881}
.skyulf-pipeline .box::before,.skyulf-pipeline .stub::before,.skyulf-pipeline .line{border-left:2px solid #8886}
.skyulf-pipeline .stub{position:relative;height:0}
.skyulf-pipeline .box::before,.skyulf-pipeline .stub::before{content:"";position:absolute}
.skyulf-pipeline .box::before,.skyulf-pipeline .stub::before{left:20px;top:-15px;height:14px}
.skyulf-pipeline .source::before{display:none}
.skyulf-pipeline .line{margin-left:20px;margin-top:-14px}
.skyulf-pipeline .source{border-style:dashed}.skyulf-pipeline .model{border-color:#38f8;background:#38f2}
.skyulf-pipeline .splitter{border-color:#e808;background:#e801}
.skyulf-pipeline .combining{border-color:#0a68;background:#0a61}
.skyulf-pipeline summary{cursor:pointer;font-weight:600}.skyulf-pipeline small{font-weight:400;opacity:.7}
.skyulf-pipeline table{border-collapse:collapse;margin:4px 0}
.skyulf-pipeline td{padding:1px 8px 1px 0;vertical-align:top;text-align:left;overflow-wrap:anywhere;max-width:44em}
"""
_LONGEST = 300


def to_html(resolved: Resolved, fitted: FittedPipeline | None) -> str:
    """Return a fragment of HTML with its own style; no script, nothing is loaded, every text is escaped."""
    where, lines = places(resolved.wiring)
    lanes = max((place.lane + place.width - 1 for place in where.values()), default=1)
    cells = [_source(name, where[name]) for name in resolved.sources or (SOURCE,) if name in where]
    cells += [_box(node, where[node.id], resolved, fitted) for node in resolved.nodes]
    cells += [f'<div class="line" style="grid-area:{row}/{lane}"></div>' for row, lane in lines]
    cells += [_stub(where[node.id], lane) for node in resolved.nodes for lane in _further_lanes(node, where)]
    grid = f'<div class="grid" style="grid-template-columns:repeat({lanes},max-content)">{"".join(cells)}</div>'
    title = escape(summary(resolved, fitted))
    return f'<div class="skyulf-pipeline"><style>{_STYLE}</style><strong>{title}</strong>{grid}</div>'


def _at(place: Place) -> str:
    return f"grid-area:{place.row}/{place.lane}/auto/span {place.width}"


def _further_lanes(node: ResolvedNode, where: Mapping[str, Place]) -> list[int]:
    """Return the lanes from which a wide box is reached, but the first, whose line the box draws itself."""
    place = where[node.id]
    lanes = {where[name].lane for name in node.inputs if name in where}
    return sorted(lane for lane in lanes if place.lane < lane < place.lane + place.width)


def _stub(place: Place, lane: int) -> str:
    return f'<div class="stub" style="grid-area:{place.row}/{lane}"></div>'


def _source(name: str, place: Place) -> str:
    return f'<div class="box source" style="{_at(place)}">{escape(name or "data")}</div>'


def _box(node: ResolvedNode, place: Place, resolved: Resolved, fitted: FittedPipeline | None) -> str:
    look = "model" if node.entry.is_model else node.entry.kind.value
    look = "combining" if node.entry.family == "combining" else look
    reads = "" if resolved.linear else f" ← {', '.join(name or 'data' for name in node.inputs)}"
    shown = node.entry.name if resolved.linear else f"{node.id}: {node.entry.name}"
    head = f"{escape(shown)} <small>{escape(settings_of(node))}{escape(reads)}</small>"
    body = _details(node, fitted)
    return (
        f'<div class="box {escape(look)}" style="{_at(place)}"><details><summary>{head}</summary>{body}</details></div>'
    )


def _details(node: ResolvedNode, fitted: FittedPipeline | None) -> str:
    info = node.entry.info()
    config = {name: repr(value) for name, value in node.parsed.model_dump(mode="json").items()}
    parts = [f"<p>{escape(info.summary)} ({escape(info.kind.value)})</p>", _table("Settings", config)]
    if fitted is not None:
        parts.append(_table("Learned", _learned(node, fitted)))
    return "".join(parts)


def _learned(node: ResolvedNode, fitted: FittedPipeline) -> dict[str, str]:
    """Return what a node has learned, and its columns, in short."""
    if fitted.model is not None and node.entry.is_model:
        facts = _facts(fitted.model.params) | {"features": ", ".join(fitted.model.features)}
        if fitted.evaluation is not None:
            facts |= {name: f"{value:.6g}" for name, value in fitted.evaluation.metrics.items()}
        return facts
    step = next((step for step in fitted.steps if step.id == node.id), None)
    if step is None:
        return {}
    columns = {} if step.columns is None else {f"{len(step.columns)} columns": ", ".join(step.columns)}
    return _facts(step.params) | columns


def _facts(params: Params) -> dict[str, str]:
    return {name: _fact(value) for name, value in params.items()}


def _fact(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of {' x '.join(map(str, value.shape))}"
    # a list of a hundred thousand keys is not written out to show its beginning
    if isinstance(value, list) and len(value) > _LONGEST:
        return f"{len(value)} values: {', '.join(map(repr, value[:10]))}, …"
    return repr(value)


def _table(title: str, rows: dict[str, str]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(_short(text))}</td></tr>" for name, text in rows.items())
    return f"<table><tr><td><em>{title}</em></td></tr>{cells}</table>"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
