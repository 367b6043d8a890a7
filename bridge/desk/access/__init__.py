"""Control: what a user may see now about whom, on which basis, and what would open more."""
