"""Read one file of source. What cannot be read is told, and never ends a scan."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from pathlib import Path

from leakhunt.scan.module import Module
from leakhunt.scan.names import Visit


class Unreadable(Exception):
    """A file is no Python that this interpreter knows; the message says why."""


def read_module(path: Path, file: str, wanted: frozenset[type[ast.AST]]) -> Module:
    """The file at `path`, called `file` in findings.

    Raises:
        Unreadable: it cannot be opened, decoded or parsed.
    """
    try:
        text = _decode(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    return parse_module(text, file, dotted_name(path), wanted)


def parse_module(text: str, file: str, name: str, wanted: frozenset[type[ast.AST]]) -> Module:
    """The source `text` as a module.

    Raises:
        Unreadable: it cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes are for others to complain about
            tree = ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(f"is no Python that this interpreter knows: {error.msg} (line {error.lineno})") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"cannot be parsed: {str(error) or type(error).__name__}") from error
    # Lines as the parser counts them: form feeds end none.
    return Module(file, name, re.split(r"\r\n|\r|\n", text), tree, Visit(tree, name, wanted))


def _decode(content: bytes) -> str:
    """Text in the encoding that the file declares, as PEP 263 has it."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise Unreadable("is in no encoding that it declares") from error


def dotted_name(path: Path) -> str:
    """`mysite.views` for `mysite/views.py`, as far up as there are `__init__.py` files."""
    path = path.absolute()
    parts = [] if path.name == "__init__.py" else [path.stem]
    package = path.parent
    while (package / "__init__.py").is_file() and package.name:
        parts.insert(0, package.name)
        package = package.parent
    return ".".join(parts) or path.parent.name
