"""The server of the soak: ``python soak_server.py FOLDER`` serves its three environments and prints the URL."""

import sys
import threading
from pathlib import Path

from soak_environment import KINDS
from soak_rows import GRACE_SECONDS

from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.connection_limits import ConnectionLimits
from openenv_tasksets.server.host import Host, HostSettings
from openenv_tasksets.server.serve import serve
from openenv_tasksets.taskset import Taskset

IDLE_SECONDS = 8.0
SLOTS = {"loop": 12, "thread": 6, "process": 3}


def main(folder):
    hosts = [
        Host(
            Taskset.from_path(folder, environment=name),
            kind,
            settings=HostSettings(
                max_sessions=SLOTS[name],
                queue=8,
                queue_seconds=3.0,
                session_timeout=IDLE_SECONDS,
                grace_seconds=GRACE_SECONDS,
                step_timeout=30.0,
            ),
        )
        for name, kind in KINDS.items()
    ]
    app = create_app(hosts)

    @app.get("/soak", include_in_schema=False)
    async def soak():
        return {
            "environments": sum(kind.open for kind in KINDS.values()),
            "sessions": sum(host.active_sessions for host in hosts),
            "waiting": sum(host.sessions.slots.waiting for host in hosts),
            "threads": threading.active_count(),
            # The connection of whoever asks among them.
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        }

    def ready(url):
        print(url, flush=True)

    limits = ConnectionLimits(most=150, header_seconds=4.0, request_seconds=20.0)
    serve(app, host="127.0.0.1", port=0, on_ready=ready, drain_seconds=2.0, limits=limits)


if __name__ == "__main__":
    main(sys.argv[1])
