"""The options of ``tasksets serve``: what is out of range is refused before anything is opened."""

import pytest


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--port", 65_536, "less than or equal to 65535"),
        ("--max-sessions", 0, "greater than or equal to 1"),
        ("--queue", -1, "greater than or equal to 0"),
        ("--queue-seconds", -1, "greater than or equal to 0"),
        ("--header-seconds", 0, "greater than or equal to 0.001"),
        ("--request-seconds", 0, "greater than or equal to 0.001"),
        ("--start-position", 2**63, "less than or equal to 9223372036854775807"),
        ("--unseeded", "later", "'next', 'refuse'"),
        ("--blocking", "slowly", "'inline'"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_is_allowed(tasksets, option, value, allowed):
    result = tasksets("serve", "no-such-folder", option, value)
    assert (result.code, result.out) == (2, "")
    told = " ".join(result.err.replace("│", " ").split())
    assert option in told
    assert allowed in told
