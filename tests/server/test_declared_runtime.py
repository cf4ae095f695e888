"""Where a declared environment runs: its package, its Space, its image, or a URL in their place."""

import pytest

from openenv_tasksets.answer import Answer
from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import Declaration
from openenv_tasksets.loaders.errors import ConsentNeeded, EnvironmentNotFound
from openenv_tasksets.server.container import Container
from openenv_tasksets.server.declared_runtime import SPACE_SECONDS, find_runtime
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.remote_runtime import RemoteRuntime
from openenv_tasksets.taskset import Taskset

pytestmark = pytest.mark.anyio


def declaration(**frameworks):
    environment = {"id": "quiz", "task": {"reset": {"question": "question"}}, "frameworks": frameworks}
    return Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [environment]})


def declared(**openenv):
    return declaration(openenv=openenv).environments[0]


def test_a_package_runs_here():
    assert find_runtime(declared(package="openenv-tasksets", environment="answer")) is Answer


async def test_a_space_runs_where_openenv_looks_for_it():
    runtime = find_runtime(declared(space_id="Acme/Quiz_env"), token="t")
    assert isinstance(runtime, RemoteRuntime)
    assert (await runtime.address(), runtime.token) == ("https://acme-quiz-env.hf.space", "t")
    assert runtime.wait_seconds == SPACE_SECONDS


def test_an_image_runs_in_a_container():
    runtime = find_runtime(declared(image="acme/quiz:1"))
    assert isinstance(runtime, RemoteRuntime)
    assert isinstance(runtime.address, Container)


@pytest.mark.parametrize("runtime", [{"space_id": "acme/quiz"}, {"image": "acme/quiz:1"}, {"package": "not-installed"}])
async def test_a_url_takes_the_place_of_what_is_declared(runtime):
    found = find_runtime(declared(**runtime), url="http://127.0.0.1:8000/")
    assert isinstance(found, RemoteRuntime)
    assert await found.address() == "http://127.0.0.1:8000"


def test_without_a_runtime_of_openenvs_there_is_none():
    with pytest.raises(EnvironmentNotFound, match=r"declares no frameworks.openenv block"):
        find_runtime(declaration(verifiers={}).environments[0])


@pytest.mark.parametrize("hosts", [(), ("quiz.hf.space",), ("hf.space",), ("acme-quiz.hf.space.example",)])
def test_rows_and_token_go_to_a_space_only_if_the_user_names_its_host(hosts):
    taskset = Taskset.from_rows([{"question": "q"}], declaration(openenv={"space_id": "acme/quiz"}))
    with pytest.raises(ConsentNeeded, match=r"--allow-host acme-quiz\.hf\.space$"):
        Host(taskset, find_runtime(taskset.environment, token="t0ken"), consent=Consent(hosts=frozenset(hosts)))
