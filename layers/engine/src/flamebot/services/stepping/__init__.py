"""Run tasks: the step function's services."""
