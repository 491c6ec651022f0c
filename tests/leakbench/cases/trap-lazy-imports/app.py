"""Files are read by the module for their format, which is imported when the first such file comes.

TRAP=0 imports all at the start.
"""

from __future__ import annotations

import importlib
import os
from urllib.parse import parse_qs

TRAP = os.environ.get("TRAP", "1") == "1"
MODULES = (
    *("csv", "json", "html.parser", "configparser", "plistlib", "wave", "zipfile", "tarfile", "gzip", "bz2", "lzma"),
    *("decimal", "fractions", "statistics", "sqlite3", "email.message", "email.parser", "mailbox", "mimetypes"),
    *("xml.etree.ElementTree", "xml.dom.minidom", "xml.sax", "http.cookies", "http.cookiejar", "ftplib", "imaplib"),
    *("smtplib", "xmlrpc.client", "asyncio", "unittest.mock", "doctest", "pydoc", "difflib", "pprint", "ctypes"),
    *("multiprocessing.pool", "concurrent.futures", "logging.config", "optparse", "argparse", "gettext", "uuid"),
)
EACH = 10  # requests that come before a file of the next format does


def reader_for(number):
    return importlib.import_module(MODULES[number // EACH % len(MODULES)])


if not TRAP:
    for position in range(len(MODULES)):
        reader_for(position * EACH)


def application(environ, start_response):
    module = reader_for(int(parse_qs(environ.get("QUERY_STRING", "")).get("i", ["0"])[0]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [module.__name__.encode()]
