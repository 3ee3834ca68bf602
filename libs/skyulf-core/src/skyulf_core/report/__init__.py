"""Reports: everything that is known of a model and of its answers, as HTML, JSON, Markdown and pictures."""

from skyulf_core.report.building import build_report
from skyulf_core.report.report import Report

__all__ = ["Report", "build_report"]
