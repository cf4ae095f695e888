"""The command ``tasksets``: one subcommand a file, put together in ``app``."""
