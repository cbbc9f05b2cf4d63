"""Guard-deletion mutants: each guard of the protocol is taken away in turn, and a test must fail. `make mutants`."""
