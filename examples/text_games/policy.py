"""A scripted policy: halves the interval, presses the lights in turn, and walks around holes.

tasksets run examples/text_games --policy tasksets_examples.text_games.policy:move
"""

import re
from typing import Any

WAYS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}


def move(observation: dict[str, Any]) -> str:
    """The move for what ``TextGames`` shows."""
    text = observation["text"]
    if "Guess The Number" in text:
        return f"[{guess(text)}]"
    if "Lights Out" in text:
        row, column = divmod(7 * text.count("Current grid state"), 5)
        return f"[{row % 5} {column}]"
    return f"[{step(text)}]"


def guess(text: str) -> int:
    """The middle of what the hints have left."""
    low, high = (int(each) for each in re.findall(r"between (\d+) and (\d+)", text)[0])
    for tried, hint in re.findall(
        r"\[(\d+)\].*?target number is (higher|lower)", text.partition("guess.")[2], re.DOTALL
    ):
        low, high = (int(tried) + 1, high) if hint == "higher" else (low, int(tried) - 1)
    return (low + high) // 2


def step(text: str) -> str:
    """The first step on a shortest way to the goal."""
    cells = [re.findall(r"\| *(\S*) *(?=\|)", line) for line in text.rpartition("Current Board:")[2].split("\n")]
    lake = {(i, j): cell for i, row in enumerate(filter(None, cells)) for j, cell in enumerate(row)}
    start = next(place for place, cell in lake.items() if cell.startswith("P"))
    seen, ways = {start}, [(start, "")]
    for (i, j), first in ways:
        if lake[i, j] == "G":
            return first
        for name, (down, right) in WAYS.items():
            place = i + down, j + right
            if lake.get(place, "H") != "H" and place not in seen:
                seen.add(place)
                ways.append((place, first or name))
    return "down"
