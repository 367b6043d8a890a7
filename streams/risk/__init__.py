"""Risk: what happened to a household, as a calibrated probability of one outcome. Pure; time is an argument."""
