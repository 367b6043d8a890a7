"""Disclosure between agencies: what this desk asks and answers, and whose audit heads it keeps."""
