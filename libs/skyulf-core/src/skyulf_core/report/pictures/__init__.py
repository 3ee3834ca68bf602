"""Pictures: each module makes those of one kind from a report's content."""

from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue

from skyulf_core.report.pictures.base import Picture
from skyulf_core.report.pictures.calibration import calibration
from skyulf_core.report.pictures.confusion import confusion
from skyulf_core.report.pictures.distribution import distributions
from skyulf_core.report.pictures.gain import gain
from skyulf_core.report.pictures.importances import importances
from skyulf_core.report.pictures.learning import learning
from skyulf_core.report.pictures.lift import lift
from skyulf_core.report.pictures.partial import partial
from skyulf_core.report.pictures.precision_recall import precision_recall
from skyulf_core.report.pictures.residuals import residuals
from skyulf_core.report.pictures.roc import roc

PICTURES: tuple[Callable[[Mapping[str, JsonValue]], Iterator[tuple[str, Picture]]], ...] = (
    roc, precision_recall, calibration, gain, lift, confusion, residuals, distributions, learning, importances, partial,
)  # fmt: skip

__all__ = ["PICTURES", "Picture"]
