"""An outage of a service on a local stack: what it costs, and how the backlog drains."""
