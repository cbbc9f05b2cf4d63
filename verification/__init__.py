"""Five ways in which the engine is attacked.

Simulation, mutants, chaos, fuzzing and a checked model.
"""
