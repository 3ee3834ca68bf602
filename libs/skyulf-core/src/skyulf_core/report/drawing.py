"""Drawing the pictures of a report, with matplotlib and no display."""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from skyulf_core.nodes.extras import extra_needed
from skyulf_core.report.palette import PAPER, THEMED, Palette
from skyulf_core.report.pictures import PICTURES, Picture
from skyulf_core.serving.ops.extras import need

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skyulf",
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}
_RESOLUTION = 144
_NAMES = re.compile(r'\b(id="|xlink:href="#|url\(#)')


def can_draw() -> bool:
    """Say whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def drawn(content: Mapping[str, JsonValue], *, image: str = "png") -> dict[str, bytes]:
    """Return all pictures of a report by name. Raises DataError where matplotlib is not installed."""
    return {name: _saved(picture, PAPER, image) for name, picture in _all(content)}


def drawn_inline(content: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return all pictures as SVG to be put into a page, which colours them by its own variables."""
    found = {}
    for number, (name, picture) in enumerate(_all(content)):
        svg = _saved(picture, THEMED, "svg").decode()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
        svg = _NAMES.sub(rf"\g<1>p{number}-", svg).replace("xlink:href", "href")
        svg = re.sub(r'(<svg[^>]*?) (?:height|width)="[^"]*"', r"\1", svg)
        svg = re.sub(r'(<svg[^>]*?) (?:height|width)="[^"]*"', r"\1", svg)
        found[name] = THEMED.in_page(svg).replace("<svg", f'<svg role="img" aria-label="{picture.alt}"', 1)
    return found


def _all(content: Mapping[str, JsonValue]) -> list[tuple[str, Picture]]:
    return [pair for make in PICTURES for pair in make(content)]


def _saved(picture: Picture, palette: Palette, image: str) -> bytes:
    with extra_needed():
        matplotlib = need("matplotlib", extra="viz")
    from matplotlib.figure import Figure

    colours = {
        "text.color": palette.ink, "axes.labelcolor": palette.ink, "axes.edgecolor": palette.line,
        "xtick.color": palette.ink, "ytick.color": palette.ink, "grid.color": palette.line, "axes.facecolor": "none",
        "figure.facecolor": "none" if palette.paper is None else palette.paper,
    }  # fmt: skip
    with matplotlib.rc_context({**_RC, **colours}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that the font lacks, layouts that are narrow
        figure: Figure = Figure(figsize=picture.size, layout="constrained")
        picture.draw(figure, palette)
        buffer = io.BytesIO()
        about = {"Date": None} if image == "svg" else {}
        figure.savefig(buffer, format=image, dpi=_RESOLUTION, metadata=about)
    return buffer.getvalue()
