"""The guards of the protocol, by where they stand: each with the tests that fail without it."""
