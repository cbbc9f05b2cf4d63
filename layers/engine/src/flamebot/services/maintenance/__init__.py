"""The periodic maintenance pass and the health check."""
