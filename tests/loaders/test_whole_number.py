"""Whole numbers within bounds: what numpy and Python have of them, and nothing else."""

import numpy as np
import pytest

from openenv_tasksets.loaders.whole_number import whole, whole_array

ALLOWED = range(3, 2**40)


@pytest.mark.parametrize("value", [3, 2**40 - 1, np.int32(5), np.uint64(7)])
def test_a_whole_number_becomes_an_int(value):
    found = whole("n", value, ALLOWED)
    assert (found, type(found)) == (int(value), int)


@pytest.mark.parametrize("value", [True, 3.0, "3", None, np.float64(4)])
def test_what_is_none_is_named(value):
    with pytest.raises(TypeError, match=r"n is .*; expected an integer"):
        whole("n", value, ALLOWED)
    if value is not True:  # numpy takes one among integers for an integer
        with pytest.raises(TypeError, match=r"n is .*; expected an integer"):
            whole_array("n", [4, value], ALLOWED)


@pytest.mark.parametrize("value", [2, -1, 2**40])
def test_one_out_of_bounds_is_the_error_that_was_asked_for(value):
    expected = f"n is {value}; expected 3 to {2**40 - 1}"
    with pytest.raises(IndexError, match=expected):
        whole("n", value, ALLOWED, IndexError)
    for values in ([4, value], np.array([value, 4]), range(value, value + 1)):
        with pytest.raises(IndexError, match=expected):
            whole_array("n", values, ALLOWED, IndexError)


@pytest.mark.parametrize("values", [[], range(0), range(9, 3, -2), [2**39, 3], np.array([4, 3], np.uint8)])
def test_many_become_an_array_in_their_order(values):
    found = whole_array("n", values, ALLOWED)
    assert (found.tolist(), found.dtype) == (list(map(int, values)), np.int64)


def test_a_table_is_no_row_of_numbers():
    with pytest.raises(ValueError, match="ns have 2 dimensions; expected 1"):
        whole_array("n", np.array([[4]]), ALLOWED)
