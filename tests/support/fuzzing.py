"""How many cases the tests with made-up requests and frames have."""

import hypothesis
import pytest
from hypothesis import HealthCheck


def some(count):
    """A test of ``count`` cases, however long one takes."""
    return hypothesis.settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


def very_many(parts):
    """A slow test of ``parts`` hundredths of all cases: CI's, or with the profile ``fuzz`` a hundred thousand."""

    def mark(test):
        counted = some(parts * hypothesis.settings().max_examples)(test)
        return pytest.mark.slow(pytest.mark.timeout(7200)(counted))

    return mark
