"""The models: one a file, trained by scikit-learn, kept as arrays, predicted by operations of the serving plan."""
