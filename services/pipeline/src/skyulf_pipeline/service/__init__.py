"""The pipeline service's use cases: decide, order, publish."""
