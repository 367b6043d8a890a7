"""A headless Chromium and a font for the browser tests, from the machine's own packages, only when missing."""

from __future__ import annotations

import os
import shutil
import subprocess

from demo.stack.kit import Progress

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
BY_HAND = f"install it by hand: apt-get install {' '.join(PACKAGES)}; only the browser tests need it"
TIMEOUT_S = 300


def ensure_browser(progress: Progress) -> bool:
    """Install what is missing if we may; the demo does not need it, so nothing here is an error.

    Returns:
        Whether there is a browser now.
    """
    if any(shutil.which(name) for name in NAMES):
        return True
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        progress("browser", f"no Chromium, and no leave to install it; {BY_HAND}")
        return False
    progress("browser", "installing a headless Chromium by apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", *PACKAGES)):
        try:
            run = subprocess.run([apt, *words], check=False, capture_output=True, text=True, env=environment,
                                 timeout=TIMEOUT_S)  # fmt: skip
        except subprocess.TimeoutExpired:
            progress("browser", f"apt-get {words[0]} took more than {TIMEOUT_S} s; {BY_HAND}")
            return False
        if run.returncode:
            reason = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
            progress("browser", f"apt-get {words[0]} failed: {reason}; {BY_HAND}")
            return False
    return True
