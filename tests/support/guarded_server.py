"""A server with a trainer's token, an agent's session on it, and another one."""

import json

import httpx
from websockets.sync.client import connect

TOKEN = "a-token-of-the-trainer"
TRAINER_HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PREFIXES = ("", "/guess")


class Server:
    def __init__(self, url, gate):
        self.url = url
        self.gate = gate
        self.own, self.other = self.session(), self.session()
        self.tokens = {step: self.ask_for_token(step) for step in (False, True)}

    def session(self):
        return httpx.post(f"{self.url}/reset", json={"index": 3}, headers=TRAINER_HEADERS).json()["session_id"]

    def ask_for_token(self, step):
        params = {"session_id": self.own, "step": step}
        answer = self.rpc("openenv/session/agent_token", params, TRAINER_HEADERS)["result"]
        assert answer["session_id"] == self.own
        return answer["token"]

    def rpc(self, method, params, headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(f"{self.url}/mcp", json=message, headers=headers, timeout=30).json()

    def agent(self, *, step=False):
        return {"Authorization": f"Bearer {self.tokens[step]}"}

    def named(self, value):
        """With the ids of sessions in their places."""
        return json.loads(json.dumps(value).replace("OTHER", self.other).replace("OWN", self.own))

    def connect(self, path, headers=None, **options):
        return connect(self.url.replace("http", "ws") + path, additional_headers=headers, **options)

    def trainers_view(self):
        """What must not change, whatever an agent tries."""
        state = httpx.get(f"{self.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": self.other}).json()
        own = httpx.get(f"{self.url}/state", headers={**TRAINER_HEADERS, "X-Session-Id": self.own}).json()
        return state, own["task_id"]
