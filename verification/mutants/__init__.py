"""Guard-deletion mutants: each guard of the protocol is deleted in turn, and a test must fail."""
