"""``tasksets schema``: the JSON Schema of environment.yaml."""


def schema() -> None:
    """Print the JSON Schema of environment.yaml."""
    import json

    from openenv_tasksets.cli.console import write
    from openenv_tasksets.declaration_schema import declaration_schema

    write(json.dumps(declaration_schema(), indent=2, ensure_ascii=False))
