"""Alerting: when a score becomes something a team is told, and when it stops being so. Pure; time is an argument."""
