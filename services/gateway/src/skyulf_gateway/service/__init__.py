"""The gateway's use cases: decide, order, publish."""
