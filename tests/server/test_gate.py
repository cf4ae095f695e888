"""Who somebody is by the token that is shown, and which pages may ask."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.server.access import ANONYMOUS, TRAINER, AccessDenied, Caller
from openenv_tasksets.server.gate import Gate, select_subprotocol

TOKEN = "t0p-s3cret_of.the~trainer+"
SESSION = "0b7e9f0c-3f0e-4c57-8d1e-6f2f5a9b1c11"


def admitted(gate, authorization=None, protocols=None):
    return gate.admit(authorization, None, "127.0.0.1:8000", protocols)


@pytest.mark.parametrize("show", [lambda t: (f"Bearer {t}", None), lambda t: (None, f"openenv, bearer.{t}")])
def test_a_token_says_who_somebody_is(show):
    gate = Gate(TOKEN)

    assert admitted(gate, *show(TOKEN)) == TRAINER
    assert admitted(gate, *show(gate.agent_token(SESSION))) == Caller("agent", SESSION)
    assert admitted(gate, *show(gate.agent_token(SESSION, may_step=True))) == Caller("agent", SESSION, may_step=True)
    assert admitted(gate, *show(TOKEN[:-1])) == ANONYMOUS
    assert admitted(gate, *show(Gate(TOKEN).agent_token(SESSION))) == ANONYMOUS, "of another process"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN}, Bearer {TOKEN}"],
)
def test_anything_else_says_nothing(authorization):
    assert admitted(Gate(TOKEN), authorization) == ANONYMOUS


@pytest.mark.parametrize("authorization", [f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_the_scheme_is_written_in_any_case(authorization):
    assert admitted(Gate(TOKEN), authorization) == TRAINER


@given(st.integers(min_value=0, max_value=200), st.characters(categories=("L", "N", "P")))
def test_an_agents_token_that_was_changed_is_none(place, character):
    gate = Gate(TOKEN)
    token = gate.agent_token(SESSION)
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]

    assert (admitted(gate, f"Bearer {changed}") == Caller("agent", SESSION)) is (changed == token)


@given(st.text())
def test_no_text_of_a_stranger_is_more_than_anonymous(text):
    assert admitted(Gate(TOKEN), text) == ANONYMOUS
    assert admitted(Gate(TOKEN), f"Bearer {text}") == ANONYMOUS
    assert admitted(Gate(TOKEN), f"Bearer agent.{text}") == ANONYMOUS
    assert admitted(Gate(TOKEN), None, f"bearer.{text}") == ANONYMOUS


def test_an_open_gate_takes_everybody_for_the_trainer_but_agents_with_a_token():
    gate = Gate()

    assert gate.open
    assert not Gate(TOKEN).open
    assert admitted(gate) == admitted(gate, "Bearer of-another-service") == admitted(gate, "Basic x") == TRAINER
    assert admitted(gate, f"Bearer {gate.agent_token(SESSION)}") == Caller("agent", SESSION)
    assert admitted(gate, f"Bearer {Gate().agent_token(SESSION)}") == ANONYMOUS, "an agent's, of a server before"


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "x" * 513, "with a space " * 3, "ä" * 20, "x" * 20 + "\n"])
def test_a_poor_token_is_refused_and_not_repeated(token):
    with pytest.raises(TasksetError, match="16 to 512 letters, digits") as caught:
        Gate(token)
    assert not token or token not in str(caught.value)


def test_the_trainers_token_is_told_from_an_agents():
    with pytest.raises(TasksetError, match=r"begins with 'agent\.'"):
        Gate("agent.0123456789abcdef")


def test_a_gate_shows_no_token():
    gate = Gate(TOKEN)

    assert TOKEN not in repr(gate) + repr(vars(gate))
    assert base64.b64encode(TOKEN.encode()).decode() not in repr(vars(gate))


@pytest.mark.parametrize(
    ("origins", "origin", "host", "may"),
    [
        ((), "https://evil.example", "127.0.0.1:8000", False),
        ((), "null", "127.0.0.1:8000", False),
        ((), "", "127.0.0.1:8000", False),
        ((), "http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ((), "http://localhost:8000", "localhost:8000", True),
        ((), "http://[::1]:8000", "[::1]:8000", True),
        ((), "http://localhost:9000", "localhost:8000", False),
        ((), "http://127.0.0.1:8000", None, False),
        ((), "http://127.0.0.1:8000", "", False),
        # Its name points to this machine, but it is somebody else's page.
        ((), "http://evil.example:8000", "evil.example:8000", False),
        ((), "http://[::1", "[::1", False),
        (("https://lab.example",), "https://lab.example", "127.0.0.1:8000", True),
        (("https://lab.example",), "https://LAB.example", "127.0.0.1:8000", True),
        (("https://lab.example",), "http://lab.example", "127.0.0.1:8000", False),
        (("https://lab.example",), "https://lab.example:444", "127.0.0.1:8000", False),
        (("https://lab.example",), "https://lab.example.evil.example", "127.0.0.1:8000", False),
        (("https://lab.example",), "https://lab.example, https://lab.example", "127.0.0.1:8000", False),
        (("*",), "https://evil.example", "127.0.0.1:8000", True),
    ],
)
def test_which_pages_may_ask(origins, origin, host, may):
    gate = Gate(origins=origins)
    if may:
        assert gate.admit(None, origin, host) == TRAINER
    else:
        with pytest.raises(AccessDenied, match="may not ask this server; see --allow-origin"):
            gate.admit(None, origin, host)


@pytest.mark.parametrize("origin", ["lab.example", "https://", "https://lab.example/", "https://lab.example/x", ""])
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(TasksetError, match="is no origin"):
        Gate(origins=[origin])


def test_a_subprotocol_with_a_token_is_never_answered():
    assert select_subprotocol([f"bearer.{TOKEN}"]) is None
    assert select_subprotocol([f"bearer.{TOKEN}", "openenv"]) == "openenv"
