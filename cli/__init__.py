"""The `flamebot` command, which reaches the engine over HTTP."""
