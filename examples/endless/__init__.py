"""Puzzles without end: reasoning-gym's, made when they are asked for."""
