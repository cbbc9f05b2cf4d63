"""The peers: a three-step chain each, in an environment of its own."""
