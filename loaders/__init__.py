"""From files and lists to rows, and from positions to indices."""

if __name__ != "openenv_tasksets.loaders":
    raise ImportError(
        f"this folder is imported as 'openenv_tasksets.loaders', not as '{__name__}': "
        "install the project (pip install -e .) and write 'import openenv_tasksets.loaders'"
    )
