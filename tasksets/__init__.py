"""OpenEnv Tasksets: dataset rows as the tasks of an OpenEnv environment."""

if __name__ != "openenv_tasksets":
    raise ImportError(
        f"this folder is imported as 'openenv_tasksets', not as '{__name__}': "
        "install the project (pip install -e .) and write 'import openenv_tasksets'"
    )
