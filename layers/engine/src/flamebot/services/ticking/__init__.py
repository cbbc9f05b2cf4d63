"""Claim, send and reclaim tasks: the tick's services."""
