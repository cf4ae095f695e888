from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.field_path import field_path, path_steps

steps = st.lists(st.integers(0, 10**6) | st.text(min_size=1, max_size=60), max_size=6).map(tuple)


def test_a_path_reads_as_one_would_write_it():
    assert field_path(("environments", 0, "task", "reset", "prompt")) == "environments[0].task.reset.prompt"
    assert path_steps("environments[0].task.json[1]") == ("environments", 0, "task", "json", 1)
    assert field_path(()) == ""


def test_a_key_that_is_no_word_stands_in_quotes():
    assert field_path(("frameworks", "a b", 'c"d')) == 'frameworks["a b"]["c\\"d"]'


def test_a_long_key_is_cut():
    assert field_path(("a" * 100,)) == "a" * 60 + "…"


@given(steps)
def test_every_path_gives_its_steps_back(walked):
    assert path_steps(field_path(walked)) == walked
