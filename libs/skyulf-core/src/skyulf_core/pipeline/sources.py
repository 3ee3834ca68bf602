"""Tables of data by the name of their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from skyulf_core.data.frames import Frame
from skyulf_core.pipeline.wiring import SOURCE
from skyulf_core.problems import DataError, did_you_mean

Frames: TypeAlias = Frame | Mapping[str, Frame]
"""One frame, or a frame per source."""


def tables_of(frames: Frames, sources: Sequence[str]) -> dict[str, Frame]:
    """Return a frame per source. Raises DataError for one that is missing, or of another name."""
    if not isinstance(frames, Mapping):
        if len(sources) > 1:
            message = f"this pipeline has several sources; give a frame for each: {', '.join(sources)}"
            raise DataError(message, reason="missing-source")
        return {(sources or (SOURCE,))[0]: frames}
    if not sources and len(frames) == 1:
        return {SOURCE: next(iter(frames.values()))}
    for name in sources:
        if name not in frames:
            raise DataError(f"there is no frame for the source {name!r}", reason="missing-source")
    _require_known(frames, sources)
    return {name: frames[name] for name in sources}


def main_of(frames: Frames, sources: Sequence[str], main: str) -> Frame:
    """Return the frame whose rows are predicted; those of reference data may be left out. Raises DataError."""
    if not isinstance(frames, Mapping):
        return frames
    if not sources and len(frames) == 1:
        return next(iter(frames.values()))
    _require_known(frames, sources)
    if main not in frames:
        raise DataError(f"there is no frame for the source {main!r}", reason="missing-source")
    return frames[main]


def _require_known(frames: Mapping[str, Frame], sources: Sequence[str]) -> None:
    for name in frames:
        if name not in sources:
            hint = did_you_mean(str(name), sources) or f"The sources are: {', '.join(sources) or 'one table'}."
            raise DataError(f"there is no source {name!r}. {hint}", reason="unknown-source")
