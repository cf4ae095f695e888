"""TextArena's games for one player: the name of one and its seed are a row."""
