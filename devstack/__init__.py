"""The local stack: everything the engine needs on one machine, without Docker and never deployed."""
