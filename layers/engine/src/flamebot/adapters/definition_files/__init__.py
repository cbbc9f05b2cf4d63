"""Definitions in files, as the repository ships them."""
