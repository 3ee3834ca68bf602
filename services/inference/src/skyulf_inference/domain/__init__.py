"""What inference decides, without any input or output."""
