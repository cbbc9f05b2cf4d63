"""The custom resource that runs on deploy."""
