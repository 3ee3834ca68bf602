"""Training: one pipeline is fitted and judged."""

from pydantic import JsonValue

from skyulf_pipeline.child.parts import Spec, Telling, allowed_pipeline, facts, part_of, read_frames
from skyulf_pipeline.child.reporting import hand_over


def train(spec: Spec, report: Telling) -> dict[str, JsonValue]:
    """Fit and judge a pipeline on a Parquet file, and write its bundle and its report.

    ``spec`` has ``config``, ``data`` (a path), ``sources`` (paths by the name of a further source), ``node_files``
    (the only folder whose files nodes may read), and what `hand_over` wants. What a person may act on is raised as
    `ChildError`.
    """
    report(0.0, "read data")
    with facts():
        pipeline = allowed_pipeline(spec)
        pipeline.fit(read_frames(spec, pipeline.main_source), report=part_of(report, 0.05, 0.95))
        return hand_over(pipeline, spec, report)
