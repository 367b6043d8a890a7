"""One case as a whole: household and person, summary, my children, and what a person can be told."""
