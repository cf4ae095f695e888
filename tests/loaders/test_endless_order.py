import pytest

from openenv_tasksets.loaders.endless_order import EndlessOrder
from openenv_tasksets.loaders.rows import ENDLESS


def test_a_position_is_its_index():
    order = EndlessOrder("one")

    assert [order.locate(position) for position in (0, 5, 2**40, ENDLESS - 1)] == [
        (0, position) for position in (0, 5, 2**40, ENDLESS - 1)
    ]
    assert order.batch([7, 3, ENDLESS - 1]).tolist() == [7, 3, ENDLESS - 1]
    assert order.batch(range(10, 20, 3)).tolist() == [10, 13, 16, 19]
    assert (order.size, order.stop, order.window_end(4)) == (ENDLESS, ENDLESS, None)


@pytest.mark.parametrize("position", [-1, ENDLESS])
def test_there_is_no_position_beyond(position):
    for ask in (EndlessOrder("one").locate, lambda each: EndlessOrder("one").batch([each])):
        with pytest.raises(ValueError, match=f"position is {position}"):
            ask(position)
