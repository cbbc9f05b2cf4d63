"""Execute one phase of a step."""
