"""Colours of pictures: those of paper, and stand-ins that a page replaces by its own variables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as matplotlib reads them; `paper` None: nothing is painted behind."""

    ink: str
    line: str
    series: tuple[str, ...]
    paper: str | None = None

    def of(self, number: int) -> str:
        """Return the colour of a series."""
        return self.series[number % len(self.series)]

    def in_page(self, svg: str) -> str:
        """Return a picture with variables in place of the colours."""
        names = {self.ink: "--ink", self.line: "--line"}
        names |= {colour: f"--s{number}" for number, colour in enumerate(self.series, start=1)}
        for colour, name in names.items():
            svg = svg.replace(colour, f"var({name})")
        return svg


SERIES = ("#2a6fbb", "#d1701b", "#2e8b57", "#b03a6f", "#7a5cc4", "#8a7a12")
SERIES_ON_DARK = ("#6aa9ee", "#f0a45c", "#6cc795", "#ea84b3", "#b29df2", "#d3c45a")
PAPER = Palette("#20242b", "#d5d9e0", SERIES, "#ffffff")
THEMED = Palette("#010203", "#010204", tuple(f"#01030{number}" for number in range(len(SERIES))))
