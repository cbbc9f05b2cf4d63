"""The version of the engine, of its layer and of the command line."""

# A constant, because the layer ships without package metadata.
VERSION = "0.1.0"
