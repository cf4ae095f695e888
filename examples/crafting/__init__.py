"""TextCraft, an environment of the Open Reward Standard, in the wrapper that `openenv import` makes."""
