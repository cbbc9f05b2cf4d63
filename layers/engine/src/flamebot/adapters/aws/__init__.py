"""Clients of AWS, and the parts of AWS that have no adapter of their own."""
