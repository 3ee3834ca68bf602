"""What ingestion decides, without any input or output."""
