"""The benchmarks: the product's handlers and SQL on a real Postgres, and the limits of the machine.

See README.md.
"""
