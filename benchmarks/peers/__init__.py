"""The same jobs on other engines, for comparison."""
