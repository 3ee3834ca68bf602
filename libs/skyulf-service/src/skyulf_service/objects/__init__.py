"""Objects: immutable bytes under keys, in a folder or behind any S3 API, and blobs named by their content."""
