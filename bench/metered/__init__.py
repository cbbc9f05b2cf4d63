"""A handler around the handlers; `bench.stack` has the functions loaded through it."""
