"""Oversight: what governance sees of how the desk is used, and what it reviews."""
