"""The ports, made real. Adapters never import each other."""
