"""The peers: a three-step chain each, in its own environment."""
