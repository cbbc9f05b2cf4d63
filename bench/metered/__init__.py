"""A handler around the handlers; `bench.metered.stack` loads the functions through it."""
