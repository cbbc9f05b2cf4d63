"""The version of the engine, of its layer and of the command line."""

# The layer has no package metadata that could be asked for it.
VERSION = "0.1.0"
