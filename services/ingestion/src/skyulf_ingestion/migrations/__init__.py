"""Schema changes of ingestion's database."""
