"""TextArena draws from the process's one generator while games run: each of ours has a process of its own."""

from contextlib import ExitStack

import pytest

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host
from tasksets_examples.text_games.environment import TextGames

ROWS = [{"game": "2048-v0", "seed": seed} for seed in (1, 2)]
TASK = {"reset": {"game": "game", "seed": "seed"}, "visible": ["game"]}
MOVES = ("[up]", "[left]", "[down]", "[right]", "[up]", "[left]")


class Together(TextGames):
    """As it would be in the server's process."""

    blocking = "thread"


def played(clients):
    """What the first client sees of the first row, while the others play the second one."""
    seen = []
    for move in (None, *MOVES):
        for index, client in enumerate(clients):
            result = client.reset(index=index) if move is None else client.step({"move": move})
            if client is clients[0]:
                seen.append(result.observation["text"])
    return seen


@pytest.mark.parametrize(("environment", "is_its_own"), [(TextGames, True), (Together, False)])
def test_the_course_of_a_game_is_its_own(environment, is_its_own, make_taskset, serve, openenv):
    host = Host(make_taskset(ROWS, TASK), environment)
    with serve(create_app([host])) as url, ExitStack() as stack:
        clients = [stack.enter_context(openenv.GenericEnvClient(base_url=url).sync()) for _ in range(2)]
        alone = played(clients[:1])
        assert alone == played(clients[:1])
        assert (alone == played(clients)) is is_its_own
