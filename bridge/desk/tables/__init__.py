"""Insights: the published tables, and from the caseload to the own households behind it."""
