"""The report as one page that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from skyulf_core.report import sections
from skyulf_core.report.drawing import can_draw, drawn_inline
from skyulf_core.report.markup import note, section, text
from skyulf_core.report.style import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_TITLES = {
    "metrics": "Metrics", "decisions": "Decisions", "pictures": "Curves", "columns": "What it goes by",
    "examples": "Some answers, and why", "slices": "Where it is worst", "groups": "Groups", "folds": "Folds",
    "trials": "Trials", "data": "Data and steps",
}  # fmt: skip
_OF_COLUMNS = ("permutation", "importances", "partial_dependence")


def page(content: Mapping[str, JsonValue]) -> str:
    """Return the whole page."""
    pictures = drawn_inline(content) if can_draw() else {}
    curves = {name: svg for name, svg in pictures.items() if not name.startswith(_OF_COLUMNS)}
    columns = {name: svg for name, svg in pictures.items() if name not in curves}
    missing = "" if can_draw() else note("Pictures need matplotlib: pip install 'skyulf-core[viz]'")
    made = {
        "metrics": sections.metrics(content),
        "decisions": sections.decisions(content),
        "pictures": _grid(curves) or missing,
        "columns": sections.important(content) + _grid(columns),
        "examples": sections.examples(content),
        "slices": sections.slices(content),
        "groups": sections.groups(content),
        "folds": sections.folds(content),
        "trials": sections.trials(content),
        "data": sections.data(content),
    }
    body = "".join(section(name, _TITLES[name], inside) for name, inside in made.items())
    links = "".join(f'<a href="#{name}">{text(_TITLES[name])}</a>' for name, inside in made.items() if inside)
    title = sections.title(content)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>{text(title)}</h1>{sections.lead(content)}<nav>{links}</nav></header>"
        f"{sections.headline(content)}{body}"
        f"<footer>Fingerprint of the configuration: <code>{text(content.get('fingerprint'))}</code></footer>"
        "</main></body></html>\n"
    )


def _grid(pictures: Mapping[str, str]) -> str:
    if not pictures:
        return ""
    return f'<div class="pictures">{"".join(f"<div class=card>{svg}</div>" for svg in pictures.values())}</div>'
