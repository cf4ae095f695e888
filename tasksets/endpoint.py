"""A policy behind an OpenAI-compatible endpoint: each episode is one conversation."""

import asyncio
import email.utils
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from openenv_tasksets.daemon_call import daemon_call
from openenv_tasksets.loaders.errors import PolicyError, TasksetError
from openenv_tasksets.policy import Act, to_action
from openenv_tasksets.server_url import is_loopback

MAX_REPLY_BYTES = 16 * 2**20
_LONGEST_WAIT_S = 60.0
_Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers and how it is asked.

    Attributes:
        url: The base URL, such as ``http://127.0.0.1:8000/v1``; ``/chat/completions`` is put behind it.
        model: The model's name there.
        api_key: Sent to this URL's host as a bearer token, and nowhere else; None sends none.
        temperature: As the endpoint takes it; None leaves it to the endpoint.
        max_tokens: Longest reply; None leaves it to the endpoint.
        timeout_s: Seconds for one answer, > 0.
        tries: How often a request is sent that is refused for now (429, 5xx, no connection), >= 1.
        backoff_s: Seconds before the second try, doubled before each one after it; a Retry-After goes first.
    """

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_s: float = 300.0
    tries: int = 5
    backoff_s: float = 1.0


class EndpointPolicy:
    """Plays with the replies of a chat model.

    The observation's ``prompt`` (text or chat messages) opens the conversation, or else the observation as JSON
    text; each later observation follows as a user's message of what changed in it.

    Args:
        endpoint: Where the model is.
        field: The action's text field, which the reply becomes, as ``text_field`` finds it.

    Raises:
        TasksetError: There is no such field, so that a reply is no action.
    """

    def __init__(self, endpoint: Endpoint, field: str | None) -> None:
        if field is None:
            raise TasksetError(
                "a model's reply is text, but the action has no single required text field; "
                "write a policy function that makes an action of it"
            )
        self._endpoint = endpoint
        self._field = field
        # One opener for all: it holds no connection and no state.
        proxies = urllib.request.ProxyHandler({} if is_loopback(endpoint.url) else None)
        self._open = urllib.request.build_opener(proxies, _NoRedirect).open

    def begin(self) -> Act:
        """A new conversation."""
        messages: list[_Message] = []
        seen: dict[str, Any] = {"metadata": {}}

        async def act(observation: Mapping[str, Any]) -> dict[str, Any]:
            changed = {name: value for name, value in observation.items() if value != seen.get(name)}
            seen.update(observation)
            messages.extend(messages_of(changed or observation))
            reply = await self._complete(messages)
            messages.append({"role": "assistant", "content": reply})
            return to_action(reply, self._field)

        return act

    async def _complete(self, messages: list[_Message]) -> str:
        endpoint = self._endpoint
        body: dict[str, Any] = {"model": endpoint.model, "messages": messages}
        if endpoint.temperature is not None:
            body["temperature"] = endpoint.temperature
        if endpoint.max_tokens is not None:
            body["max_tokens"] = endpoint.max_tokens
        data = msgspec.json.encode(body)
        for number in range(endpoint.tries):
            try:
                async with asyncio.timeout(endpoint.timeout_s):
                    return _text_of(await daemon_call(lambda: self._post(data)))
            except _NotNow as exc:
                error, wait_s = exc, exc.wait_s
            except TimeoutError:
                error, wait_s = _NotNow(f"no answer within {endpoint.timeout_s:g} s"), None
            if number + 1 < endpoint.tries:
                await asyncio.sleep(endpoint.backoff_s * 2**number if wait_s is None else wait_s)
        raise PolicyError(f"{endpoint.url}: {error} ({endpoint.tries} tries)")

    def _post(self, data: bytes) -> bytes:
        """Send one request.

        Raises:
            _NotNow: A later try may succeed.
            PolicyError: None will.
        """
        endpoint = self._endpoint
        request = urllib.request.Request(  # noqa: S310 - the user named the endpoint
            f"{endpoint.url.rstrip('/')}/chat/completions", data, {"Content-Type": "application/json"}
        )
        if endpoint.api_key is not None:
            request.add_unredirected_header("Authorization", f"Bearer {endpoint.api_key}")
        try:
            with self._open(request, timeout=endpoint.timeout_s) as response:
                reply: bytes = response.read(MAX_REPLY_BYTES + 1)
        except urllib.error.HTTPError as exc:
            with exc:
                raise self._refusal(exc) from None
        except (OSError, http.client.HTTPException) as exc:
            reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
            raise _NotNow(f"no answer: {reason}") from exc
        if len(reply) > MAX_REPLY_BYTES:
            raise PolicyError(f"{endpoint.url}: the answer is longer than {MAX_REPLY_BYTES} bytes")
        return reply

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        told = f"answered {error.code} {error.reason}"
        if error.code == 429 or error.code >= 500:
            return _NotNow(told, _retry_after(error.headers.get("Retry-After")))
        if 300 <= error.code < 400:
            told += f" to {error.headers.get('Location')}; redirects are not followed, name that URL"
        elif detail := _detail(error):
            told += f": {detail}"
        if self._endpoint.api_key:  # Some endpoints repeat the key that they refuse.
            told = told.replace(self._endpoint.api_key, "***")
        return PolicyError(f"{self._endpoint.url}: {told}")


def messages_of(observation: Mapping[str, Any]) -> list[_Message]:
    """An observation as chat messages."""
    prompt = observation.get("prompt")
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    if isinstance(prompt, list) and prompt and all(isinstance(each, dict) and "role" in each for each in prompt):
        return list(prompt)
    return [{"role": "user", "content": msgspec.json.encode(dict(observation)).decode()}]


class _NotNow(Exception):
    """A request that failed for a reason that may pass.

    Attributes:
        wait_s: Seconds to wait, as the endpoint said, or None.
    """

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The user named one host: what is sent there, rows and key, goes to no other."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def _text_of(reply: bytes) -> str:
    try:
        content = msgspec.json.decode(reply)["choices"][0]["message"]["content"]
    except (msgspec.DecodeError, UnicodeError, LookupError, TypeError) as exc:
        raise PolicyError("the endpoint's answer is not a chat completion") from exc
    if not isinstance(content, str):
        raise PolicyError(f"the endpoint's reply is {type(content).__name__}, not text")
    return content


def _retry_after(value: str | None) -> float | None:
    """Seconds, at most a minute, from a Retry-After header: a number or a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(msgspec.json.decode(error.read(10_000))["error"]["message"])[:200]
    except (OSError, msgspec.DecodeError, UnicodeError, LookupError, TypeError):
        return ""
