"""A scripted policy: draws below 17, and takes the shortest way across the lake and with the taxi.

tasksets run examples/gym_games --policy tasksets_examples.gym_games.policy:move
"""

import re
from collections.abc import Callable
from typing import Any

Place = tuple[int, int]
LAKE = {0: (0, -1), 1: (1, 0), 2: (0, 1), 3: (-1, 0)}
TAXI = {0: (1, 0), 1: (-1, 0), 2: (0, 1), 3: (0, -1)}
STOPS = ((0, 0), (0, 4), (4, 0), (4, 3))
PICK_UP, DROP_OFF = 4, 5


def move(observation: dict[str, Any]) -> dict[str, Any]:
    """The action for what ``GymGames`` shows."""
    seen = observation["observation"]
    if observation["text"] is None:
        return {"action": int(seen[0] < 17)}
    picture = re.sub(r"\x1b\[[0-9;]*m", "", observation["text"]).split("\n")
    if observation["actions"] == "Discrete(6)":
        return {"action": drive(seen, picture[1:6])}
    lake = [line for line in picture if re.fullmatch("[SFHG]+", line)]
    size = len(lake)

    def is_ice(_: Place, place: Place) -> bool:
        return place[0] in range(size) and place[1] in range(size) and lake[place[0]][place[1]] != "H"

    return {"action": first_step(divmod(seen, size), (size - 1, size - 1), LAKE, is_ice)}


def drive(seen: int, streets: list[str]) -> int:
    """The taxi's action: to the passenger, then to the stop that the passenger wants."""
    rest, wanted = divmod(seen, 4)
    rest, passenger = divmod(rest, len(STOPS) + 1)
    taxi = divmod(rest, 5)
    goal = STOPS[wanted if passenger == len(STOPS) else passenger]
    if taxi == goal:
        return DROP_OFF if passenger == len(STOPS) else PICK_UP

    def is_street(here: Place, place: Place) -> bool:
        inside = place[0] in range(5) and place[1] in range(5)
        return inside and (here[1] == place[1] or streets[here[0]][here[1] + place[1] + 1] == ":")

    return first_step(taxi, goal, TAXI, is_street)


def first_step(start: Place, goal: Place, ways: dict[int, Place], is_open: Callable[[Place, Place], bool]) -> int:
    """The first action of a shortest way; 0 where there is none."""
    seen, reached = {start}, [(start, -1)]
    for place, first in reached:
        if place == goal:
            return max(first, 0)
        for action, (down, right) in ways.items():
            other = place[0] + down, place[1] + right
            if other not in seen and is_open(place, other):
                seen.add(other)
                reached.append((other, action if first < 0 else first))
    return 0
