"""One file per measurement; each returns figures."""
