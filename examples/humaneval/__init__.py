"""HumanEval as a taskset: the agent completes a function, and the row's own tests grade it."""
