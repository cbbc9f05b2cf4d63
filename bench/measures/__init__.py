"""One file per measurement; each answers figures."""
