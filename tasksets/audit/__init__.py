"""The audit: does an agent learn what the declaration hides from it, and do the rewards mean what they say."""
