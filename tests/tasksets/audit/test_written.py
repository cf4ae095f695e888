"""What is logged and printed is heard, and goes nowhere else meanwhile."""

import logging
import sys

from openenv_tasksets.audit.written import Written


def test_logs_of_every_level_and_prints_are_heard(caplog, capsys):
    written = Written()
    with written.logging():
        logging.getLogger("some.where").debug("low %s", "level")
        with written.printing():
            print("to stdout")
            print("to stderr", file=sys.stderr)
        print("outside")
    logging.getLogger("some.where").warning("after")
    log, printed = written.heard()
    assert log.text == "some.where low level\n"
    assert printed.text == "to stdout\nto stderr\n"
    assert caplog.messages == ["after"]
    assert capsys.readouterr().out == "outside\n"
    written.clear()
    assert [each.text for each in written.heard()] == ["", ""]
