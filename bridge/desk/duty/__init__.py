"""Duty work: what people do about alerts, challenge and answer, and the handover of a shift."""
