"""The inference service of Skyulf."""
