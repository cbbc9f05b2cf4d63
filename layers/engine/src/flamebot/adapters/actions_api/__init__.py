"""The client of the actions service."""
