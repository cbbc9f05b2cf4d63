"""Texts by any OpenAI-compatible service."""
