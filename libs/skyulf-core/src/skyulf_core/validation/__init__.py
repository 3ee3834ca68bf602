"""Validation: folds, cross-validation, and what is chosen on predictions of rows that were not learned from."""
