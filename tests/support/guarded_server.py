"""A server with a trainer's token, an agent's session on it, and another one."""

import json
from contextlib import contextmanager

import httpx
from websockets.sync.client import connect

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.gate import Gate
from openenv_tasksets.server.host import Host, HostSettings

TOKEN = "a-token-of-the-trainer"
TRAINER_HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PREFIXES = ("", "/guess")


class Server:
    def __init__(self, url, gate, http):
        self.url = url
        self.gate = gate
        self.http = http
        self.own, self.other = self.session(), self.session()
        self.tokens = {step: self.ask_for_token(step) for step in (False, True)}

    def session(self):
        return self.http.post(f"{self.url}/reset", json={"index": 3}, headers=TRAINER_HEADERS).json()["session_id"]

    def ask_for_token(self, step):
        params = {"session_id": self.own, "step": step}
        answer = self.rpc("openenv/session/agent_token", params, TRAINER_HEADERS)["result"]
        assert answer["session_id"] == self.own
        return answer["token"]

    def rpc(self, method, params, headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.http.post(f"{self.url}/mcp", json=message, headers=headers).json()

    def agent(self, *, step=False):
        return {"Authorization": f"Bearer {self.tokens[step]}"}

    def named(self, value):
        """With the ids of sessions in their places."""
        return json.loads(json.dumps(value).replace("OTHER", self.other).replace("OWN", self.own))

    def connect(self, path, headers=None, **options):
        return connect(self.url.replace("http", "ws") + path, additional_headers=headers, **options)

    def trainers_view(self):
        """What must not change, whatever an agent tries."""
        state = self.http.get(f"{self.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": self.other}).json()
        own = self.http.get(f"{self.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": self.own}).json()
        return state, own["task_id"]


@contextmanager
def guarded_server(serve, taskset, environment, transport, blocking=None):
    """One of the taskset, over a transport; ``blocking`` is that of ``HostSettings``."""
    gate = Gate(TOKEN)
    host = Host(taskset, environment, settings=HostSettings(max_sessions=64, blocking=blocking))
    # A client of one's own for each request would take longer than its answer.
    with serve(create_app([host], gate=gate), transport=transport) as url, httpx.Client(timeout=30) as http:
        yield Server(url, gate, http)
