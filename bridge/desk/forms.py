"""What the desk reads of a form, and from whom it takes one.

Decides that a form is one of our own pages': sent by the browser from our own origin, and with the token of the
session that the page was made for. What its fields mean is the handler's.
"""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import FormData, Headers
from starlette.requests import Request

from bridge.desk.desk import User

FIELDS_MAX: Final = 40
SAFE: Final = ("GET", "HEAD")  # what changes nothing, and may be asked for from anywhere


class OldForm(Exception):
    """A form without the token of this session: it may be an old page of ours, or not ours at all."""


async def fields(request: Request) -> FormData:
    """The fields of a form, files refused.

    Raises:
        starlette.exceptions.HTTPException: 400 where it is no form of ours by its shape, 413 where it is too large.
    """
    return await request.form(max_files=0, max_fields=FIELDS_MAX)


async def posted(request: Request, user: User) -> FormData:
    """The fields of a form that this session's own page sent; the only way in for what changes something.

    Raises:
        OldForm: The token is missing or is another session's.
        starlette.exceptions.HTTPException: As `fields`.
    """
    form = await fields(request)
    if not hmac.compare_digest(user.session.csrf.encode(), str(form.get("csrf", "")).encode()):
        raise OldForm
    return form


def same_origin(method: str, headers: Headers, https: bool) -> bool:
    """Whether a browser says that a request comes from a page of this desk.

    One that says nothing at all is no browser of these years, and is left to the token.

    Args:
        method: Its method; what changes nothing may come from anywhere.
        headers: Its headers; `host` is one of ours.
        https: Whether our pages are served over TLS.
    """
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if method in SAFE or not (origins or sites):
        return True
    if len(origins) > 1 or len(sites) > 1 or sites not in ([], ["same-origin"]):
        return False
    if not origins or (origins == ["null"] and sites):  # a browser that names no origin may still name the site
        return True
    try:
        parts = urlsplit(origins[0])
    except ValueError:
        return False
    return parts.netloc == headers.get("host") and parts.scheme == ("https" if https else "http")
