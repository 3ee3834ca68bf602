"""Fitted pipelines of scikit-learn read as fitted pipelines of this library."""
