"""The local stack: the whole system on one machine, without Docker. It is never deployed."""
