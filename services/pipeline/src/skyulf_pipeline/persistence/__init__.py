"""Where the pipeline service keeps its state: tables, repositories, the unit of work, bundles."""
