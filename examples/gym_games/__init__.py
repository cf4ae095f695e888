"""Gymnasium's environments as tasksets: which one, its parameters and its seed are a row."""
