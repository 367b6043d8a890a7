"""Everything that may see a name or a case note. It runs at the agency, with the agency's keys.

Nothing here imports `streams`; what leaves goes through `schemas` alone.
"""
