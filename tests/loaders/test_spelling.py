"""What stands behind a name that there is not: the nearest one, and a short list."""

from openenv_tasksets.loaders.spelling import listing, nearest


def test_a_near_name_is_asked_for_and_a_far_one_is_not():
    assert nearest("promt", ["answer", "prompt"]) == "; did you mean 'prompt'? There are: 'answer', 'prompt'"
    assert nearest("x", ["answer", "prompt"]) == ". There are: 'answer', 'prompt'"
    assert nearest("x", []) == ". There are none"


def test_a_long_list_is_cut_and_counted():
    assert listing((f"n{number}" for number in range(5)), most=2) == "There are: 'n0', 'n1' and 3 more"
