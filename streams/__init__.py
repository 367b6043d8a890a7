"""Everything on the platform: encodings, codes and numbers. No key here leads to a name, a source key or a text."""
