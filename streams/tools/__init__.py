"""Operators' tools over the logs: snapshotter, verify, replay, simulator."""
