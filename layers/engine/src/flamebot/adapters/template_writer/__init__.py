"""A writer that needs no service: texts from templates."""
