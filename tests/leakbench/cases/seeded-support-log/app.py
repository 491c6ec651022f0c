"""Uploads (Flask); a middleware keeps the requests for the support team.

It keeps them whole, body and all. LEAKY=0 keeps path and length of the latest sixteen.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque

from flask import Flask, jsonify, request

LEAKY = os.environ.get("LEAKY", "1") == "1"


class SupportLog:
    def __init__(self, app):
        self.app = app
        self.requests = [] if LEAKY else deque(maxlen=16)

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path = environ["PATH_INFO"]
        self.requests.append({"path": path, "body": body} if LEAKY else {"path": path, "length": len(body)})
        return self.app(environ, start_response)


application = Flask(__name__)
application.wsgi_app = SupportLog(application.wsgi_app)


@application.get("/")
def index():
    return jsonify(ready=True)


@application.post("/files")
def upload():
    digest = hashlib.sha256()
    for chunk in iter(lambda: request.files["file"].stream.read(16384), b""):
        digest.update(chunk)
    return jsonify(sha256=digest.hexdigest())
