"""A scripted policy that is sometimes right: it adds a few numbers, sorts a few words, and guesses the rest.

tasksets run DIR --policy tasksets_examples.reasoning.policy:answer
"""

import math
import re
from typing import Any

MOST_NUMBERS = 5
MOST_WORDS = 7


def answer(observation: dict[str, Any]) -> str:
    """The reply to a question of ``Reasoning``; the same one every time."""
    question = observation["prompt"].strip()
    if found := re.search(r"arithmetic problem: ([-+ 0-9]+) =$", question):
        numbers = [int(each) for each in re.findall(r"[-+]?[0-9]+", found[1].replace(" ", ""))]
        return str(sum(numbers[:MOST_NUMBERS]))
    if found := re.search(r"\(GCD\) of these numbers: ([0-9, ]+)\.", question):
        first, second, *_ = (int(each) for each in found[1].split(","))
        return str(math.gcd(first, second))
    if found := re.search(r"(ascending|descending) order .* comma-separated list: (.+)$", question):
        words = found[2].split(", ")[:MOST_WORDS]
        return ", ".join(sorted(words, reverse=found[1] == "descending"))
    return "infeasible" if "shortest path" in question else "42"
