"""A model card: what a fitted pipeline predicts, from what, how, and how well, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.describing import settings_of
from skyulf_core.pipeline.fingerprint import fingerprint
from skyulf_core.pipeline.resolved import Resolved

_SHOWN = 100


def model_card(resolved: Resolved, fitted: FittedPipeline) -> str:
    """Return the card. Texts are escaped, so that names of columns cannot break out of their tables."""
    sections = [_title(resolved, fitted), _data(resolved, fitted), _steps(resolved), _metrics(fitted)]
    sections += [_features(fitted), f"Fingerprint of the configuration: `{fingerprint(resolved)}`\n"]
    return "\n".join(section for section in sections if section)


def _title(resolved: Resolved, fitted: FittedPipeline) -> str:
    if resolved.model is None:
        return f"# Pipeline of {len(fitted.steps)} steps\n\nTransforms rows; it has no model.\n"
    target, info = _text(fitted.target), resolved.model.entry.info()
    what = f"Predicts **{target}** ({fitted.task}) with {_text(info.name)}: {_text(info.summary)}"
    if fitted.classes is not None:
        what += f"\n\nClasses: {', '.join(_text(label) for label in fitted.classes[:_SHOWN])}."
    return f"# {target}\n\n{what}\n"


def _data(resolved: Resolved, fitted: FittedPipeline) -> str:
    optional = fitted.optional_columns()
    rows = [
        (column.name, column.dtype, "yes" if column.nullable else "no", "no" if column.name in optional else "yes")
        for column in fitted.input_schema
    ]
    table = _table(("column", "type", "missing values seen", "needed to predict"), rows)
    kept = [name for name in resolved.sources if name != resolved.main_source]
    note = f"\nReference data kept with the model: {', '.join(map(_text, kept))}.\n" if kept else ""
    source = f" of {_text(resolved.main_source)}" if resolved.main_source else ""
    return f"## Data\n\nOne row{source} holds:\n\n{table}{note}"


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
    return "## Steps\n\n" + _table(("id", "node", "kind", "settings", "reads"), rows)


def _metrics(fitted: FittedPipeline) -> str:
    if fitted.evaluation is None:
        return "## Metrics\n\nNo rows were held out, so nothing was measured.\n" if fitted.model else ""
    rows = [(name, f"{value:.6g}") for name, value in fitted.evaluation.metrics.items()]
    return f"## Metrics\n\nOn {fitted.evaluation.rows} held-out rows:\n\n" + _table(("metric", "value"), rows)


def _features(fitted: FittedPipeline) -> str:
    if fitted.model is None:
        return ""
    names = [f"`{_text(name)}`" for name in fitted.model.features[:_SHOWN]]
    more = len(fitted.model.features) - len(names)
    rest = f" and {more} more" if more > 0 else ""
    return f"## Columns that the model is given\n\n{len(fitted.model.features)}: {', '.join(names)}{rest}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _text(value: object) -> str:
    text = " ".join(str(value).split())
    for char in "\\`*_[]|<>#":
        text = text.replace(char, f"\\{char}")
    return text
