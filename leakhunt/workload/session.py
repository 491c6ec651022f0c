"""Signing in: what a login leaves behind for the requests after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from leakhunt.errors import WorkloadError
from leakhunt.workload.body import Body
from leakhunt.workload.connection import Answer, Connection, Request
from leakhunt.workload.headers import merge_headers
from leakhunt.workload.placeholders import Placeholders
from leakhunt.workload.scenario import Login

_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
_COOKIE: Final = "csrftoken"
_FIELD: Final = "csrfmiddlewaretoken"
_INPUT: Final = re.compile(rf"<input\b[^>]*\bname=[\"']?{_FIELD}\b[^>]*>", re.IGNORECASE)
_VALUE: Final = re.compile(r"\bvalue=[\"']?([^\"'\s>]+)")


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in user, the same for all requests: later cookies are not followed, so their order does not matter."""

    cookies: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    """CSRF token for unsafe methods."""

    def headers(self, method: str) -> dict[str, str]:
        """What the user's browser adds to a request."""
        headers: dict[str, str] = {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.token is not None and method not in _SAFE_METHODS:
            headers["X-CSRFToken"] = self.token
        return headers


def sign_in(login: Login, connection: Connection, headers: Mapping[str, str], fill: Placeholders) -> Session:
    """The session that `login` leads to.

    Raises:
        WorkloadError: the target cannot be reached, or does not let the user in.
    """
    session = Session()
    if login.csrf is not None or not login.form:
        session = _visit(login, connection, headers, session)
    if not login.form:
        return session
    session = _post(login, connection, headers, session, fill)
    if login.csrf is not None and _COOKIE not in session.cookies:
        # Django keeps the token in the session here, and has changed it at the login.
        session = _visit(login, connection, headers, session)
    return session


def _visit(login: Login, connection: Connection, headers: Mapping[str, str], session: Session) -> Session:
    answer = connection.send(Request("GET", login.path, merge_headers(session.headers("GET"), headers), keep_text=True))
    if answer.status is None or answer.status >= 400:
        raise _refused(login, "GET", answer, "check `login.path` and that the target serves it")
    session = _with_cookies(session, answer)
    if login.csrf is None:
        return session
    token = session.cookies.get(_COOKIE) or _hidden_token(answer.text)
    if token is None:
        raise _refused(login, "GET", answer, f"the page has neither a {_COOKIE} cookie nor a {_FIELD} field; is it it?")
    return replace(session, token=token)


def _post(
    login: Login, connection: Connection, headers: Mapping[str, str], session: Session, fill: Placeholders
) -> Session:
    form = fill.texts(login.form)
    if session.token is not None:
        form[_FIELD] = session.token
    body = Body("application/x-www-form-urlencoded", (urlencode(form).encode(),))
    answer = connection.send(Request("POST", login.path, merge_headers(session.headers("POST"), headers), body))
    if not _let_in(login, answer):
        raise _refused(login, "POST", answer, _hint(login, answer))
    session = _with_cookies(session, answer)
    return replace(session, token=session.cookies.get(_COOKIE, session.token))


def _let_in(login: Login, answer: Answer) -> bool:
    if answer.status is None:
        return False
    if login.expect:
        return answer.status in login.expect
    if 300 <= answer.status < 400:
        target = urljoin(login.path, answer.header("Location") or "")
        return urlsplit(target).path != urlsplit(login.path).path
    # Django shows its form again, with status 200, to whom it does not let in.
    return login.csrf is None and 200 <= answer.status < 300


def _hint(login: Login, answer: Answer) -> str:
    if answer.status == 403 and login.csrf is not None:
        return "the CSRF token went with it, so it is a permission, an origin that is not trusted or a --header"
    if answer.status == 403:
        return 'the CSRF check or a permission refused it; for Django write csrf = "django"'
    if answer.status == 404:
        return "check `login.path`"
    return "check the user name, the password and `login.expect`, and that the user exists in the target's database"


def _refused(login: Login, method: str, answer: Answer, hint: str) -> WorkloadError:
    path = urlsplit(login.path).path
    outcome = f"status {answer.status}" if answer.status is not None else answer.error
    return WorkloadError(f"the login failed: {method} {path}: {outcome}", hint)


def _with_cookies(session: Session, answer: Answer) -> Session:
    cookies = dict(session.cookies)
    for name, value in answer.headers:
        if name.lower() == "set-cookie":
            cookies.update(_cookie(value))
    return replace(session, cookies=cookies)


def _cookie(header: str) -> dict[str, str]:
    try:
        return {name: morsel.coded_value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _hidden_token(page: str) -> str | None:
    element = _INPUT.search(page)
    value = _VALUE.search(element[0]) if element else None
    return unescape(value[1]) if value else None
