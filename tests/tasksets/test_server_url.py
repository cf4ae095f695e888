"""URLs of servers: loopback, hosts, and where OpenEnv's client looks for a Space."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import EnvironmentNotFound
from openenv_tasksets.server_url import host_of, is_loopback, read_server_url, space_url

NAMES = st.text("abcXYZ019._-", min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1", True),
        ("ws://127.0.0.1/ws", True),
        ("http://[::1]:8", True),
        ("https://a.example", False),
        ("http://localhost.example", False),
        ("http://0.0.0.0:1", False),
    ],
)
def test_loopback_is_recognized(url, loopback):
    assert is_loopback(url) == loopback


def test_a_host_is_without_port_and_in_lower_case():
    assert host_of("https://Acme-Quiz.hf.space:443/x") == "acme-quiz.hf.space"


def test_a_servers_url_may_have_a_path():
    assert read_server_url("http://127.0.0.1:8000/quiz/") == "http://127.0.0.1:8000/quiz"


@pytest.mark.parametrize(
    "text", ["quiz", "ws://a.example", "http://a.example/?x=1", "http://a@b.example", "http://:80"]
)
def test_what_is_no_servers_url_is_refused(text):
    with pytest.raises(EnvironmentNotFound, match="a runtime's URL is"):
        read_server_url(text)


@given(NAMES, NAMES)
def test_a_space_is_where_openenv_looks_for_it(owner, name):
    from openenv.auto.auto_env import AutoEnv

    assert space_url(f"{owner}/{name}") == AutoEnv._resolve_space_url(f"{owner}/{name}")


def test_the_url_of_a_space_is_as_its_documentation_has_it():
    assert space_url("openenv/Echo_env.v2") == "https://openenv-echo-env-v2.hf.space"
