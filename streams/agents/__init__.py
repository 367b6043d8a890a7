"""Faust agents: decode, call, emit; nothing is decided here."""
