"""The machine-learning library of Skyulf: nodes, pipelines, models, serving plans."""
