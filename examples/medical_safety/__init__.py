"""The environment of the distribution openenv-dipg-safety, one question at a time."""
