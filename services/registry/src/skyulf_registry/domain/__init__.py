"""What the registry decides, without any input or output."""
