"""The `flamebot` command. Talks HTTP only."""
