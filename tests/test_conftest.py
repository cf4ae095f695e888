"""The tests' own fence: nothing but loopback can be reached, and no cache of the user's is used."""

import os
import socket

import pytest


@pytest.mark.parametrize("host", ["93.184.215.14", "example.org", "2606:2800:220:1::1", "10.0.0.1"])
def test_another_host_cannot_be_reached(host):
    with pytest.raises(RuntimeError, match="loopback only"):
        socket.create_connection((host, 80), timeout=1)


def test_loopback_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_caches_are_the_tests_own():
    from huggingface_hub.constants import HF_HOME

    assert os.environ["HF_HOME"] == HF_HOME
    assert "openenv-tasksets-tests-" in HF_HOME
