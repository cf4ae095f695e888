"""OpenEnv's own clients and its validator against our server."""

import warnings

import pytest

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host

QUESTION = "test 3 + 1 = ?"


class Plain:
    """A class that never heard of OpenEnv."""

    def reset(self, question, answer):
        self.answer, self.left = answer, 2
        return {"question": question}

    def step(self, action):
        self.left -= 1
        right = action["answer"] == self.answer
        return {"left": self.left, "reward": float(right), "done": right or not self.left}

    @property
    def state(self):
        return {"left": self.left}

    def close(self):
        pass


@pytest.fixture(scope="module", params=["at the root", "under its id", "one of several"])
def base_url(request, serve, quiz_taskset, quiz_environment, make_taskset, our_url):
    if request.param == "at the root":
        yield our_url
    elif request.param == "under its id":
        yield our_url + "/quiz"
    else:
        other = make_taskset([{"task": "?"}], id="other")

        class Other(Plain):
            def reset(self, task):
                return {}

        with serve(create_app([Host(other, Other), Host(quiz_taskset, quiz_environment)])) as url:
            yield url + "/quiz"


@pytest.mark.anyio
async def test_the_async_client_plays(openenv, base_url):
    async with openenv.GenericEnvClient(base_url=base_url) as client:
        result = await client.reset(split="test", index=3, episode_id="mine")
        assert (result.observation["question"], result.reward, result.done) == (QUESTION, None, False)
        result = await client.step({"answer": "c4n4ry-4"})
        assert (result.reward, result.done, result.metadata) == (1.0, True, {"steps": 1})
        state = await client.state()
        assert (state["episode_id"], state["task_id"], state["step_count"]) == ("mine", "test-3", 1)
        with pytest.raises(RuntimeError, match=r"Server error: the episode is done.*code: RESET_NEEDED"):
            await client.step({"answer": "again"})
        with pytest.raises(RuntimeError, match=r"no split 'dev'.*code: VALIDATION_ERROR"):
            await client.reset(split="dev")
        assert (await client.reset(seed=3)).observation["question"].startswith("train ")


def test_the_sync_client_plays(openenv, base_url):
    with openenv.GenericEnvClient(base_url=base_url).sync() as client:
        assert client.reset(split="test", index=3).observation["question"] == QUESTION
        assert client.step({"answer": "5"}).reward == 0.0
        assert client.state()["index"] == 3
        client.reset(task_id="train-0")
        assert client.state()["task_id"] == "train-0"


def test_a_plain_class_is_played_by_openenvs_client(openenv, serve, quiz_taskset):
    with serve(create_app([Host(quiz_taskset, Plain)])) as url, openenv.GenericEnvClient(base_url=url).sync() as client:
        assert client.reset(split="test", index=3).observation == {"question": QUESTION}
        wrong = client.step({"answer": "5"})
        assert (wrong.observation, wrong.reward, wrong.done) == ({"left": 1}, 0.0, False)
        assert client.step({"answer": "c4n4ry-4"}).reward == 1.0
        state = client.state()
        assert (state["left"], state["step_count"], state["episode_id"]) == (0, 2, None)


def test_openenvs_validator_passes_all_its_checks(openenv, base_url):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.cli._validation import validate_running_environment
    report = validate_running_environment(base_url)
    assert report["passed"], report
    assert len(report["criteria"]) == 6
    assert all(criterion["passed"] for criterion in report["criteria"])
