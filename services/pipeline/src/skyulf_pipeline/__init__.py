"""The pipeline service of Skyulf."""
