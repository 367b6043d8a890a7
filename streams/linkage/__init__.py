"""Which records are one person, and which people one household: pure, exact in any order, integers only."""
