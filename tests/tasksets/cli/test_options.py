"""What several subcommands take alike."""

import pytest
import typer

from openenv_tasksets.cli.options import cache_limit


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("500M", 500 * 2**20), ("20G", 20 * 2**30)])
def test_a_size_is_read_with_its_unit(text, size):
    assert cache_limit(text) == size


def test_what_is_no_size_is_a_mistake_of_the_command_line():
    with pytest.raises(typer.BadParameter, match="much"):
        cache_limit("much")
