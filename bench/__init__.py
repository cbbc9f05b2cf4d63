"""The benchmarks run the product's handlers and SQL on a real Postgres.

They also measure the machine's limits; README.md explains the figures.
"""
