"""Start and control workflows."""
