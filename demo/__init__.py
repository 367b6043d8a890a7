"""The demonstration: a synthetic partnership (world/), the real components (stack/) and the run that joins them."""
