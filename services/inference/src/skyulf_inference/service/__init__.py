"""Inference's use cases: desired state in, reconcile, announce, predict."""
