"""Uploads (Flask). Large ones are copied to a temporary file and put on the list for the virus scanner.

The scanner takes small files only, from memory; nothing takes the large ones from the list. LEAKY=0 scans them from
the file and closes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib

from flask import Flask, jsonify, request

LEAKY = os.environ.get("LEAKY", "1") == "1"
LARGE = 500_000
_TO_SCAN = []

application = Flask(__name__)


def scan(stream):
    checksum = 0
    for chunk in iter(lambda: stream.read(65536), b""):
        checksum = zlib.crc32(chunk, checksum)
    return checksum


@application.get("/")
def index():
    return jsonify(ready=True)


@application.post("/files")
def upload():
    stream = request.files["file"].stream
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size < LARGE:
        return jsonify(checksum=scan(stream))
    copy = tempfile.TemporaryFile()
    shutil.copyfileobj(stream, copy)
    if LEAKY:
        _TO_SCAN.append(copy)
        return jsonify(checksum=None)
    with copy:
        copy.seek(0)
        return jsonify(checksum=scan(copy))
