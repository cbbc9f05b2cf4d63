"""Five ways in which the engine is attacked: simulation, mutants, chaos, fuzzing and a checked model."""
