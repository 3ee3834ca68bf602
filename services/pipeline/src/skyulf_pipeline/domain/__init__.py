"""What pipelines and jobs are, without any input or output."""
