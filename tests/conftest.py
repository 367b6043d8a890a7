"""Every property test that fails prints what makes the same examples again."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sightline", print_blob=True)
settings.load_profile("sightline")
