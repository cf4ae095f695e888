"""An OpenAI-compatible endpoint whose replies a function makes, streamed where that is asked for."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = dict[str, Any]


@contextlib.contextmanager
def chatting(reply: Callable[[list[Message]], str]) -> Iterator[tuple[str, list[list[Message]]]]:
    """Answer chat completions on a free port of loopback; gives the base URL and the conversations asked about.

    Args:
        reply: From the messages to the text of the next one; called on several threads at once.
    """
    asked: list[list[Message]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(request["messages"])
            text = reply(request["messages"])
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            kind = "chat.completion.chunk" if request.get("stream") else "chat.completion"
            answer = {"id": f"chat-{len(asked)}", "object": kind, "created": 0, "model": request["model"]}
            message = {"role": "assistant", "content": text}
            if request.get("stream"):
                said = {**answer, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
                ended = {**answer, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
                parts = [said, ended, {**answer, "choices": [], "usage": usage}]
                lines = [*map(json.dumps, parts), "[DONE]"]
                self._send("text/event-stream", "".join(f"data: {line}\n\n" for line in lines))
            else:
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                self._send("application/json", json.dumps({**answer, "choices": [choice], "usage": usage}))

        def _send(self, content_type: str, text: str) -> None:
            data = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may not have waited
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", asked
        finally:
            server.shutdown()
            thread.join()
