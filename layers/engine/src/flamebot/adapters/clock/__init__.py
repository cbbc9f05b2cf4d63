"""The clocks: the system's, and the schedule clock of the local stack."""
