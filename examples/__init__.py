"""Example environments, each with the program that builds its taskset."""

if __name__ != "tasksets_examples":
    raise ImportError(
        f"this folder is imported as 'tasksets_examples', not as '{__name__}': "
        "install it (pip install -e examples/) and write 'import tasksets_examples'"
    )
