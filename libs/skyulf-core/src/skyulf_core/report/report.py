"""A report: its content as JSON, and what it is written as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import JsonValue

FORMAT = "skyulf.report/1"


@dataclass(frozen=True, eq=True)
class Report:
    """Everything that is known of a model and of its answers; `content` is JSON, and all other forms are made of it.

    Keys: task, target, classes, model, steps, input_schema, decisions, rows, judged_on, metrics (with intervals),
    evaluation (see `Evaluation`), worst_slices, segments, fairness, importances, permutation, partial_dependence,
    examples, answers, and where they are known cross_validation, leaderboard and learning_curve.
    """

    content: dict[str, JsonValue]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return deepcopy(self.content)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Report:
        """Read what `to_dict` returned. Raises ValueError for another format."""
        if data.get("format") != FORMAT:
            raise ValueError(f"report of format {data.get('format')!r}; this version reads {FORMAT!r}")
        return cls(cast("dict[str, JsonValue]", dict(data)))

    def to_html(self) -> str:
        """Return one page that needs nothing from outside, light or dark as its reader prefers.

        Pictures are drawn with matplotlib (extra `viz`); where that is not installed, the page says so in their place.
        """
        from skyulf_core.report.html import page

        return page(self.content)

    def to_markdown(self) -> str:
        """Return the model card, with what held-out rows say."""
        return str(self.content["model_card"])

    def pictures(self, *, image: str = "png") -> dict[str, bytes]:
        """Return the pictures by name, as `png` or `svg`. Raises DataError where matplotlib is not installed."""
        from skyulf_core.report.drawing import drawn

        return drawn(self.content, image=image)

    def save(self, path: Path | str) -> Path:
        """Write the report, and return where: one file for a name that ends in .html, .json or .md, else a folder.

        The folder holds report.html, report.json, model_card.md, and the pictures where they can be drawn.
        """
        from skyulf_core.report.drawing import can_draw

        target = Path(path)
        if target.suffix.lower() in (".html", ".json", ".md"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self._text(target.suffix.lower()), encoding="utf-8")
            return target
        folder = target / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for name, suffix in (("report", ".html"), ("report", ".json"), ("model_card", ".md")):
            (target / f"{name}{suffix}").write_text(self._text(suffix), encoding="utf-8")
        for name, image in (self.pictures() if can_draw() else {}).items():
            (folder / f"{name}.png").write_bytes(image)
        return target

    def _text(self, suffix: str) -> str:
        if suffix == ".html":
            return self.to_html()
        if suffix == ".md":
            return self.to_markdown()
        return json.dumps(self.content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
