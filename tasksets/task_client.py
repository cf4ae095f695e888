"""A server's Task API and schemas over HTTP: which environments, splits and tasks it has."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from openenv_tasksets.loaders.errors import SelectionError, TasksetError
from openenv_tasksets.loaders.spelling import listing, nearest
from openenv_tasksets.server_url import is_loopback

Kind = TypeVar("Kind")


class ServerUnusable(TasksetError):
    """A server that cannot be reached, or does not do what a server of tasks does.

    Attributes:
        status: The HTTP status that it answered, or None.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TaskClient:
    """One environment of a server.

    Args:
        url: ``http://host:port``, or with the path of one environment behind it.
        environment: Which environment; may be None where the server has one.
        timeout_s: Seconds to wait for each answer.

    Attributes:
        environment: The environment's id, as the server spells it.
        base_url: Where the environment's other routes are: ``/ws``, ``/schema``.

    Raises:
        ServerUnusable: No answer, or not one of OpenEnv's.
        SelectionError: The server has several environments and none is named, or not that one.
    """

    def __init__(self, url: str, environment: str | None = None, *, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        proxies = urllib.request.ProxyHandler({}) if is_loopback(url) else urllib.request.ProxyHandler()
        self._open = urllib.request.build_opener(proxies).open
        offered = _checked(self._ask("/list_environments"), list)
        self.environment = _choose(offered, environment, self._url)
        self.base_url = self._url if len(offered) == 1 else f"{self._url}/{quote(self.environment)}"

    def schema(self) -> Mapping[str, Any]:
        """JSON Schemas of the action, the observation and the state.

        Raises:
            ServerUnusable: No such answer.
        """
        return _checked(self._ask("/schema", base=self.base_url), dict)

    def tools(self) -> list[Mapping[str, Any]]:
        """The environment's tools, as JSON-RPC's ``tools/list`` has them; empty where it has none.

        Raises:
            ServerUnusable: No such answer.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = _checked(self._ask("/mcp", request, base=self.base_url), dict)
        if isinstance(answer.get("result"), dict):
            return [_checked(each, dict) for each in _checked(answer["result"].get("tools"), list)]
        told = str(_checked(answer.get("error"), dict).get("message"))
        if "does not support MCP" in told:
            return []
        raise ServerUnusable(f"{self.base_url}/mcp does not list the environment's tools: {told[:200]}")

    def splits(self) -> list[str]:
        """Names of the splits, in the server's order.

        Raises:
            ServerUnusable: No such answer.
        """
        return [str(_checked(each, dict)["name"]) for each in _checked(self._ask(self._route("splits")), list)]

    def resolve_split(self, split: str | None) -> str:
        """The split's name; for None ``train``, else the first.

        Raises:
            SelectionError: No such split.
        """
        names = self.splits()
        if split is None and names:
            return "train" if "train" in names else names[0]
        if split not in names:
            raise SelectionError(f"no split {split!r}{nearest(str(split), names)}")
        return split

    def num_tasks(self, split: str) -> int:
        """How many tasks the split has.

        Raises:
            ServerUnusable: No such answer.
        """
        answer = _checked(self._ask(self._route("num_tasks"), {"split": split}), dict)
        return _checked(answer.get("num_tasks"), int)

    def task(self, split: str, index: int) -> Mapping[str, Any]:
        """One task's spec.

        Raises:
            ServerUnusable: No such answer.
        """
        answer = _checked(self._ask(self._route("task"), {"split": split, "index": index}), dict)
        return _checked(answer.get("task"), dict)

    def task_range(self, split: str, start: int, stop: int) -> list[Mapping[str, Any]]:
        """The specs of [start, stop): at most 1,000.

        Raises:
            ServerUnusable: No such answer.
        """
        request = {"split": split, "start": start, "stop": stop}
        answer = _checked(self._ask(self._route("task_range"), request), dict)
        return [_checked(each, dict) for each in _checked(answer.get("tasks"), list)]

    def _route(self, name: str) -> str:
        return f"/{quote(self.environment)}/{name}"

    def _ask(self, path: str, body: Mapping[str, Any] | None = None, *, base: str | None = None) -> Any:
        url = f"{self._url if base is None else base}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with self._open(request, timeout=self._timeout_s) as response:
                return json.load(response)
        except urllib.error.HTTPError as exc:
            with exc:
                meaning = {404: "is there a server of tasks?", 501: "this server does not list its tasks"}
                told = meaning.get(exc.code) or _detail(exc)
                raise ServerUnusable(f"{url} answered {exc.code} {exc.reason}: {told}", exc.code) from exc
        except (OSError, ValueError) as exc:
            reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
            raise ServerUnusable(f"no answer from {url}: {reason}") from exc


def _choose(offered: list[Any], wanted: str | None, url: str) -> str:
    names = [str(name) for name in offered]
    if wanted is None:
        if len(names) == 1:
            return names[0]
        raise SelectionError(f"{url} serves several environments; name one with --environment. {listing(names)}")
    for name in names:
        if name.lower() == wanted.lower():
            return name
    raise SelectionError(f"{url} serves no environment {wanted!r}{nearest(wanted, names)}")


def _checked(value: Any, kind: type[Kind]) -> Kind:
    if not isinstance(value, kind):
        raise ServerUnusable(f"the server's answer is not a {kind.__name__}: it has no OpenEnv Task API")
    return value


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])[:200]
    except (OSError, ValueError, LookupError, TypeError):
        return "the body says no more"
