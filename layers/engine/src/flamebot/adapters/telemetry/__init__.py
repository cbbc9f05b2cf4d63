"""Logs and metrics through Powertools."""
