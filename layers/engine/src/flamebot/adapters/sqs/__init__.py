"""The step queue on SQS."""
