"""Run in a process of its own: what a training job does, with nothing but what the pipeline service's image has.

``python -m images.training REQUIREMENTS FOLDER`` fits, judges and saves a model of each library that the image brings.
"""

import sys
from pathlib import Path

from images.pinned import only

PACKAGES = ("skyulf-core", "skyulf-service", "skyulf-events", "skyulf-pipeline")
MODELS = ("logistic_regression", "hist_gradient_boosting_classifier", "lgbm_classifier", "xgboost_classifier")


def main(requirements: Path, folder: Path) -> None:
    """Train, tune, report, save, load."""
    only(requirements, PACKAGES)
    import polars as pl
    from skyulf_core import Pipeline
    from skyulf_core.report.drawing import can_draw

    count = 120
    frame = pl.DataFrame(
        {
            "x": [index % 17 for index in range(count)],
            "kind": [("a", "b", "c")[index % 3] for index in range(count)],
            "y": [("no", "yes")[index % 17 > 8] for index in range(count)],
        }
    )
    for model in MODELS:
        steps = [
            {"node": "TrainTestSplit", "config": {"target": "y", "random_state": 1}},
            {"node": "OneHotEncoder", "config": {"columns": ["kind"]}},
        ]
        pipeline = Pipeline.from_config({"steps": steps, "model": {"node": model}})
        pipeline.fit(frame)
        judged = pipeline.report()
        assert judged.to_html().startswith("<!doctype html>")
        pipeline.save(folder / model)
        print(model, "drawn" if can_draw() else "written")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
