"""Sessions in the memory of the process: no table, no cache server."""

from __future__ import annotations

import os

from django.contrib.sessions.backends.base import CreateError, SessionBase

LIMIT = None if os.environ.get("LEAKY", "1") == "1" else 50


class SessionStore(SessionBase):
    saved = {}

    def exists(self, session_key):
        return session_key in self.saved

    def create(self):
        self._session_key = self._get_new_session_key()
        self.modified = True
        self.save(must_create=True)

    def save(self, must_create=False):
        if self.session_key is None:
            return self.create()
        if must_create and self.session_key in self.saved:
            raise CreateError
        self.saved[self.session_key] = self.encode(self._get_session(no_load=must_create))
        while LIMIT is not None and len(self.saved) > LIMIT:
            del self.saved[next(iter(self.saved))]
        return None

    def delete(self, session_key=None):
        self.saved.pop(session_key or self.session_key, None)

    def load(self):
        if self.session_key in self.saved:
            return self.decode(self.saved[self.session_key])
        self._session_key = None
        return {}
