"""Bundles: a fitted pipeline as a folder of JSON and arrays. Nothing in it is ever unpickled."""

from skyulf_core.bundle.document import serving_document, serving_model
from skyulf_core.bundle.reading import read
from skyulf_core.bundle.writing import BUNDLE_FORMAT, write
from skyulf_core.serving.golden import GoldenMismatchError, GoldenReport, verify

__all__ = [
    "BUNDLE_FORMAT",
    "GoldenMismatchError",
    "GoldenReport",
    "read",
    "serving_document",
    "serving_model",
    "verify",
    "write",
]
