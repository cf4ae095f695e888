"""Train a model on a taskset."""
