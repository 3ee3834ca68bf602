"""Where ingestion keeps its state: tables, repositories, the unit of work."""
