"""The benchmarks: the product's own handlers and SQL on a real Postgres, and what the machine could do at best. See README.md."""
