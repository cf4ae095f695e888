"""reasoning-gym as a taskset: generated rows, scored by the package itself."""
