"""The bound environment behind OpenEnv's HTTP and WebSocket API."""

if __name__ != "openenv_tasksets.server":
    raise ImportError(
        f"this folder is imported as 'openenv_tasksets.server', not as '{__name__}': "
        "install the project (pip install -e .) and write 'import openenv_tasksets.server'"
    )
