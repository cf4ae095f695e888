"""OpenSpiel's games against a player at random: the game, the agent's seat and a seed are a row."""
