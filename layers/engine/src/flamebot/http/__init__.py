"""The HTTP API: routes, schemas and problem details."""
