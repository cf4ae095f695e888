"""LearnLens's own environment, a list of numbers to sort."""
