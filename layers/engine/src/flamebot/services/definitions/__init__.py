"""Read, publish and seed workflow definitions."""
