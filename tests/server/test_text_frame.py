"""What is sent is one frame that the library ``websockets`` reads back."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from openenv_tasksets.server.text_frame import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_payload_of_any_size_is_one_final_text_frame(size):
    reader = StreamReader()
    reader.feed_data(text_frame(b"x" * size))
    reader.feed_eof()
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    frame = done.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * size)
