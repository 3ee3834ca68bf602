"""Nodes of this library inside a pipeline of scikit-learn: they are taken out as they are."""

from __future__ import annotations

from skyulf_core.interop.reading.line import Line, Step
from skyulf_core.interop.transformer import SkyulfTransformer


def read_own(line: Line, step: Step) -> list[str]:
    """Read a node's params. They name columns, so that the columns must have come to it under these names."""
    transformer = step.estimator
    named = [str(name) for name in getattr(transformer, "feature_names_in_", ())]
    known = named or [f"x{i}" for i in range(transformer.n_features_in_)]
    if known != step.columns:
        step.refuse(
            f"its columns came under other names, {known[0]!r} for {step.columns[0]!r}; supported are those of the "
            "rows (set_output(transform='pandas') before fit), used by no other part"
        )
    outputs = [str(name) for name in transformer.get_feature_names_out()]
    others = set(line.frame.columns) - set(step.columns)
    if others & set(outputs):
        step.refuse(f"it makes {min(others & set(outputs))!r}, which is a column beside it; supported are other names")
    config = {name: value for name, value in transformer.get_params().items() if name != "node"}
    if others and config.get("columns") is None and isinstance(transformer.params_.get("columns"), list):
        config["columns"] = transformer.params_["columns"]  # left out, it would mean the columns beside it too
    line.add(step, str(transformer.node), config, transformer.params_)
    return outputs


def is_own(estimator: object) -> bool:
    """Say whether an estimator is a node."""
    return isinstance(estimator, SkyulfTransformer)
