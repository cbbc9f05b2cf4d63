"""The simulated actions service."""
