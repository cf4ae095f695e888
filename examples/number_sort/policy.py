"""A scripted policy that sorts downwards, which is right for two levels of three.

tasksets run examples/number_sort --policy tasksets_examples.number_sort.policy:sort
"""

from typing import Any


def sort(observation: dict[str, Any]) -> dict[str, Any]:
    """The numbers that ``NumberSort`` shows, the highest first."""
    return {"values": sorted(observation["numbers"], reverse=True)}
