"""The step queue and its probes on SQS."""
