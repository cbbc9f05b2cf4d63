"""The schedule clock: the real one, or the accelerated one of the local stack."""
