"""The event contracts of Skyulf."""
