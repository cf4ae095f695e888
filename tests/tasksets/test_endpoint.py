"""The policy behind an OpenAI-compatible endpoint, against a small endpoint on loopback."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from small_server import Asked, small_server

from openenv_tasksets.endpoint import Endpoint, EndpointPolicy, messages_of
from openenv_tasksets.loaders.errors import PolicyError, TasksetError

Answer = tuple[int, dict[str, str], Any]


def says(text: Any) -> Answer:
    return 200, {}, {"choices": [{"message": {"role": "assistant", "content": text}}]}


class ScriptedEndpoint:
    """Gives its answers one after the other, the last one for ever, and keeps what it was asked."""

    url: str

    def __init__(self) -> None:
        self.answers: list[Answer] = [says("hi")]
        self.requests: list[tuple[str, Mapping[str, str], Any]] = []
        self.gate: threading.Event | None = None

    def answer(self, request: Asked) -> Answer | None:
        self.requests.append((request.path, request.headers, json.loads(request.body)))
        if self.gate is not None:
            self.gate.wait(60)
        status, headers, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:  # cut the line
            return None
        return status, headers, answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    scripted = ScriptedEndpoint()
    with small_server(scripted.answer) as url:
        scripted.url = f"{url}/v1"
        yield scripted


other = endpoint


def policy(endpoint: ScriptedEndpoint, **settings: Any) -> EndpointPolicy:
    return EndpointPolicy(Endpoint(endpoint.url, "small", **{"backoff_s": 0.001, **settings}), "answer")


def play(playing: EndpointPolicy, *observations: dict[str, Any]) -> list[dict[str, Any]]:
    async def episode() -> list[dict[str, Any]]:
        act = playing.begin()
        return [await act(observation) for observation in observations]

    return asyncio.run(episode())


def test_a_prompt_is_sent_and_the_reply_becomes_the_action(endpoint: ScriptedEndpoint) -> None:
    endpoint.answers = [says("42")]
    actions = play(policy(endpoint, api_key="k-1", temperature=0.5, max_tokens=9), {"prompt": "6 * 7?", "metadata": {}})
    assert actions == [{"answer": "42"}]
    ((path, headers, body),) = endpoint.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer k-1"
    assert body == {
        "model": "small",
        "messages": [{"role": "user", "content": "6 * 7?"}],
        "temperature": 0.5,
        "max_tokens": 9,
    }


def test_what_is_not_set_is_not_sent(endpoint: ScriptedEndpoint) -> None:
    play(policy(endpoint), {"prompt": "?"})
    ((_, headers, body),) = endpoint.requests
    assert "Authorization" not in headers
    assert set(body) == {"model", "messages"}


def test_the_steps_of_an_episode_are_one_conversation_and_episodes_share_nothing(endpoint: ScriptedEndpoint) -> None:
    endpoint.answers = [says("5"), says("7"), says("x")]
    playing = policy(endpoint)
    play(playing, {"prompt": "Guess.", "hint": None}, {"prompt": "Guess.", "hint": "higher"})
    play(playing, {"prompt": "Other."})
    _, second, third = (body["messages"] for _, _, body in endpoint.requests)
    assert second == [
        {"role": "user", "content": "Guess."},
        {"role": "assistant", "content": "5"},
        {"role": "user", "content": '{"hint":"higher"}'},
    ]
    assert third == [{"role": "user", "content": "Other."}]


def test_an_observation_that_stays_the_same_is_sent_again(endpoint: ScriptedEndpoint) -> None:
    play(policy(endpoint), {"prompt": "Go on."}, {"prompt": "Go on."})
    assert [each["content"] for each in endpoint.requests[1][2]["messages"]] == ["Go on.", "hi", "Go on."]


CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("observation", "messages"),
    [
        ({"prompt": CHAT}, CHAT),
        ({"prompt": "x", "choices": ["a"]}, [{"role": "user", "content": "x"}]),
        ({"prompt": ["no", "messages"]}, [{"role": "user", "content": '{"prompt":["no","messages"]}'}]),
        ({"board": [1, 2]}, [{"role": "user", "content": '{"board":[1,2]}'}]),
    ],
)
def test_an_observation_as_messages(observation: dict[str, Any], messages: list[dict[str, str]]) -> None:
    assert messages_of(observation) == messages


REFUSED_FOR_NOW: list[Answer] = [
    (429, {}, {}),
    (429, {"Retry-After": "0"}, {}),
    (429, {"Retry-After": "soon"}, {}),
    (503, {"Retry-After": "Sun, 22 Nov 2026 00:00:00 GMT"}, {}),
    (500, {}, b"oops"),
    (0, {}, None),
]


@pytest.mark.parametrize("refusal", REFUSED_FOR_NOW, ids=lambda each: f"{each[0]} {each[1]}")
def test_what_is_refused_for_now_is_asked_again(endpoint: ScriptedEndpoint, refusal: Answer) -> None:
    endpoint.answers = [refusal, refusal, says("at last")]
    assert play(policy(endpoint), {"prompt": "?"}) == [{"answer": "at last"}]
    assert len(endpoint.requests) == 3


def test_a_refusal_without_end_is_a_policy_error_after_so_many_tries(endpoint: ScriptedEndpoint) -> None:
    endpoint.answers = [(503, {}, {})]
    with pytest.raises(PolicyError, match=r"answered 503 Service Unavailable \(3 tries\)"):
        play(policy(endpoint, tries=3), {"prompt": "?"})
    assert len(endpoint.requests) == 3


def test_an_endpoint_that_is_not_there_is_a_policy_error(endpoint: ScriptedEndpoint, other: ScriptedEndpoint) -> None:
    gone = Endpoint("http://127.0.0.1:1/v1", "small", tries=2, backoff_s=0.001)
    with pytest.raises(PolicyError, match=r"no answer: .*refused.* \(2 tries\)"):
        play(EndpointPolicy(gone, "answer"), {"prompt": "?"})


def test_an_answer_that_does_not_come_is_a_policy_error(endpoint: ScriptedEndpoint) -> None:
    endpoint.gate = threading.Event()
    with pytest.raises(PolicyError, match=r"no answer.* \(1 tries\)"):
        play(policy(endpoint, timeout_s=0.05, tries=1), {"prompt": "?"})
    endpoint.gate.set()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {}, b"<html>"), "not a chat completion"),
        ((200, {}, b"\xff\xfe"), "not a chat completion"),
        ((200, {}, {"choices": []}), "not a chat completion"),
        ((200, {}, [1, 2]), "not a chat completion"),
        (says(None), "the endpoint's reply is NoneType, not text"),
        ((400, {}, {"error": {"message": "no model 'small'"}}), "answered 400 Bad Request: no model 'small'"),
        ((404, {}, b"nothing"), "answered 404 Not Found$"),
    ],
)
def test_what_a_later_try_would_not_change_is_a_policy_error_at_once(
    endpoint: ScriptedEndpoint, answer: Answer, told: str
) -> None:
    endpoint.answers = [answer]
    with pytest.raises(PolicyError, match=told):
        play(policy(endpoint), {"prompt": "?"})
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(endpoint: ScriptedEndpoint, other: ScriptedEndpoint, status: int) -> None:
    endpoint.answers = [(status, {"Location": f"{other.url}/chat/completions"}, {})]
    with pytest.raises(PolicyError, match=f"answered {status} .* to {other.url}.*redirects are not followed"):
        play(policy(endpoint, api_key="k-secret"), {"prompt": "?"})
    assert other.requests == []


def test_the_key_is_in_no_message_and_no_repr(endpoint: ScriptedEndpoint) -> None:
    endpoint.answers = [(401, {}, {"error": {"message": "Incorrect key k-secret given"}})]
    with pytest.raises(PolicyError) as raised:
        play(policy(endpoint, api_key="k-secret"), {"prompt": "?"})
    assert "Incorrect key *** given" in str(raised.value)
    assert "k-secret" not in repr(Endpoint(endpoint.url, "small", "k-secret"))


def test_a_reply_needs_a_text_field() -> None:
    with pytest.raises(TasksetError, match="no single required text field; write a policy function"):
        EndpointPolicy(Endpoint("http://127.0.0.1:1", "small"), None)


def test_episodes_are_asked_for_at_once(endpoint: ScriptedEndpoint) -> None:
    """Both requests arrive before either is answered."""
    endpoint.gate = threading.Event()
    playing = policy(endpoint)

    async def both() -> list[dict[str, Any]]:
        acts: list[Callable[..., Any]] = [playing.begin(), playing.begin()]
        pending = asyncio.gather(*(act({"prompt": "?"}) for act in acts))
        async with asyncio.timeout(60):
            while len(endpoint.requests) < 2:
                await asyncio.sleep(0.005)
        assert endpoint.gate is not None
        endpoint.gate.set()
        return await pending

    assert asyncio.run(both()) == [{"answer": "hi"}, {"answer": "hi"}]
