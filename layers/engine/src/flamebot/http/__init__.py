"""The HTTP face: routes, schemas, problems."""
