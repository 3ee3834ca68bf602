"""The ingestion service of Skyulf."""
