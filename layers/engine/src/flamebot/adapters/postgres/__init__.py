"""Postgres: every write is a call of an SQL function."""
