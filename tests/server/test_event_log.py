"""Events: told to whoever listens."""

import logging

from openenv_tasksets.server.event_log import listened, tell


def test_events_are_off_unless_asked_for(caplog):
    tell("nobody listens", session_id="x")
    assert not listened()
    assert caplog.records == []
    with caplog.at_level(logging.INFO, "openenv_tasksets"):
        tell("somebody listens", session_id="x")
    assert [record.facts for record in caplog.records] == [{"session_id": "x"}]
