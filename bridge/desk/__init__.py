"""The desk: the page an agency serves to its own staff, and the one place where identity returns."""
