"""An OpenAI-compatible endpoint whose replies a function makes, streamed where that is asked for."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from small_server import Answer, Asked, small_server

Message = dict[str, Any]


@contextlib.contextmanager
def chatting(reply: Callable[[list[Message]], str]) -> Iterator[tuple[str, list[list[Message]]]]:
    """Answer chat completions on a free port of loopback; gives the base URL and the conversations asked about.

    Args:
        reply: From the messages to the text of the next one; called on several threads at once.
    """
    asked: list[list[Message]] = []

    def answer(asking: Asked) -> Answer:
        request = json.loads(asking.body)
        asked.append(request["messages"])
        text = reply(request["messages"])
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        kind = "chat.completion.chunk" if request.get("stream") else "chat.completion"
        head = {"id": f"chat-{len(asked)}", "object": kind, "created": 0, "model": request["model"]}
        message = {"role": "assistant", "content": text}
        if not request.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = json.dumps({**head, "choices": [choice], "usage": usage})
            return 200, {"Content-Type": "application/json"}, whole.encode()
        said = {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        ended = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        parts = [said, ended, {**head, "choices": [], "usage": usage}]
        lines = [*map(json.dumps, parts), "[DONE]"]
        return 200, {"Content-Type": "text/event-stream"}, "".join(f"data: {line}\n\n" for line in lines).encode()

    with small_server(answer) as url:
        yield f"{url}/v1", asked
