"""The contract between the wings: what crosses, one definition each."""
