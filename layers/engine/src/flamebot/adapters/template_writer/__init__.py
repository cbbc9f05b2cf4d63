"""Texts from templates, offline and deterministic."""
