"""A model card: what a fitted pipeline predicts, from what, how, and how well, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.pipeline.card_judged import judged_sections
from skyulf_core.pipeline.card_text import table, text
from skyulf_core.pipeline.describing import settings_of
from skyulf_core.pipeline.fingerprint import fingerprint
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode

_SHOWN = 100


def model_card(resolved: Resolved, fitted: FittedPipeline, *, judged: Mapping[str, JsonValue] | None = None) -> str:
    """Return the card. Texts are escaped, so that names of columns cannot break out of their tables.

    `judged` is what a report says of held-out rows: metrics with intervals, the worst slices, fairness and the like.
    """
    sections = [
        _title(resolved, fitted),
        _data(resolved, fitted),
        _steps(resolved),
        _decisions(fitted),
        *([_metrics(fitted)] if judged is None else judged_sections(judged)),
    ]
    sections += [_features(fitted), f"Fingerprint of the configuration: `{fingerprint(resolved)}`\n"]
    return "\n".join(section for section in sections if section)


def _title(resolved: Resolved, fitted: FittedPipeline) -> str:
    if resolved.model is None:
        return f"# Pipeline of {len(fitted.steps)} steps\n\nTransforms rows; it has no model.\n"
    if fitted.task in UNSUPERVISED:
        return _unsupervised_title(resolved.model, fitted)
    target, info = text(fitted.target), resolved.model.entry.info()
    what = f"Predicts **{target}** ({fitted.task}) with {text(info.name)}: {text(info.summary)}"
    if fitted.classes is not None:
        what += f"\n\nClasses: {', '.join(text(label) for label in fitted.classes[:_SHOWN])}."
    return f"# {target}\n\n{what}\n"


def _unsupervised_title(model: ResolvedNode, fitted: FittedPipeline) -> str:
    info = model.entry.info()
    title, finds = ("Clusters", "Groups rows") if fitted.task == "clustering" else ("Anomalies", "Points at anomalies")
    what = f"{finds} ({fitted.task}) with {text(info.name)}: {text(info.summary)}"
    if fitted.target is not None:
        what += f"\n\nCompared with **{text(fitted.target)}**, which nothing was learned from."
    return f"# {title}\n\n{what}\n"


def _data(resolved: Resolved, fitted: FittedPipeline) -> str:
    optional = fitted.optional_columns()
    rows = [
        (column.name, column.dtype, "yes" if column.nullable else "no", "no" if column.name in optional else "yes")
        for column in fitted.input_schema
    ]
    columns = table(("column", "type", "missing values seen", "needed to predict"), rows)
    kept = [name for name in resolved.sources if name != resolved.main_source]
    note = f"\nReference data kept with the model: {', '.join(map(text, kept))}.\n" if kept else ""
    if resolved.weights is not None:
        note += f"\nRows count as much as {text(resolved.weights)} says, in training and in metrics.\n"
    source = f" of {text(resolved.main_source)}" if resolved.main_source else ""
    return f"## Data\n\nOne row{source} holds:\n\n{columns}{note}"


def _steps(resolved: Resolved) -> str:
    rows = [
        (
            node.id,
            node.entry.name,
            node.entry.kind.value,
            settings_of(node),
            ", ".join(n or "data" for n in node.inputs),
        )
        for node in resolved.nodes
    ]
    return "## Steps\n\n" + table(("id", "node", "kind", "settings", "reads"), rows)


def _metrics(fitted: FittedPipeline) -> str:
    if fitted.evaluation is None:
        return "## Metrics\n\nNo rows were held out, so nothing was measured.\n" if fitted.model else ""
    rows = [(name, f"{value:.6g}") for name, value in fitted.evaluation.metrics.items()]
    judged = "training" if fitted.evaluation.details.get("judged_on") == "training" else "held-out"
    return f"## Metrics\n\nOn {fitted.evaluation.rows} {judged} rows:\n\n" + table(("metric", "value"), rows)


def _decisions(fitted: FittedPipeline) -> str:
    """Return what was chosen after training, on rows that the model had not learned from."""
    lines = []
    if fitted.calibration is not None:
        lines.append(f"Probabilities are calibrated ({fitted.calibration.method}, on {fitted.calibration.rows} rows).")
    if (threshold := fitted.threshold) is not None:
        values = ", ".join(
            f"{text(label)} {value:.3g}" for label, value in zip(fitted.classes or (), threshold.values, strict=True)
        )
        chosen = (
            f"{text(threshold.criterion)} {threshold.score:.4g}, {threshold.default_score:.4g} by the likeliest class"
        )
        lines.append(f"Classes win by thresholds: {values}; chosen on {threshold.rows} rows ({chosen}).")
    if (conformal := fitted.conformal) is not None:
        what = "Sets of classes" if conformal.makes_sets else "Intervals"
        nearly = "" if conformal.guaranteed else "nearly "  # out-of-fold predictions are by models of fewer rows
        learned = f"{conformal.method}, learned on {conformal.rows} rows"
        lines.append(f"{what} ({learned}) hold the truth of {nearly}{conformal.coverage:.0%} of new rows.")
    return "## Decisions\n\n" + "\n\n".join(lines) + "\n" if lines else ""


def _features(fitted: FittedPipeline) -> str:
    if fitted.model is None:
        return ""
    names = [f"`{text(name)}`" for name in fitted.model.features[:_SHOWN]]
    more = len(fitted.model.features) - len(names)
    rest = f" and {more} more" if more > 0 else ""
    return f"## Columns that the model is given\n\n{len(fitted.model.features)}: {', '.join(names)}{rest}\n"
