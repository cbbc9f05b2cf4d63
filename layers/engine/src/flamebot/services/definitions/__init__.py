"""Read, publish and seed definitions."""
