"""Checked reading of TOML tables: every mistake names its file, line and dotted key."""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import ItemsView, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import ConfigError
from leakhunt.workload.toml import TOMLDecodeError, loads
from leakhunt.workload.toml_lines import KeyPath, key_lines


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file: what it says, and on which line each key says it."""

    source: str
    data: Mapping[str, object]
    lines: Mapping[KeyPath, int]

    def error(self, path: KeyPath, problem: str, hint: str | None = None) -> ConfigError:
        """A mistake at `path`, or at the nearest table around it that is written in the file."""
        near = path
        while near and near not in self.lines:
            near = near[:-1]
        return ConfigError(problem, source=self.source, line=self.lines.get(near), key=dotted(path) or None, hint=hint)

    def root(self) -> Table:
        """The table of the whole file."""
        return Table(self, (), self.data)


def read_document(path: Path) -> Document:
    """The TOML file at `path`.

    Raises:
        ConfigError: it cannot be read, or is no valid TOML.
    """
    source = str(path)
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=source, hint="check the path") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", source=source, line=line, hint="save it as UTF-8") from error
    return parse_document(text, source)


def parse_document(text: str, source: str) -> Document:
    """The TOML `text`, called `source` in errors.

    Raises:
        ConfigError: it is no valid TOML.
    """
    try:
        # tomllib reads \r\n as a line end too, so both see the same lines.
        return Document(source, loads(text), key_lines(text))
    except TOMLDecodeError as error:
        message, line = _where(str(error), text)
        raise ConfigError(f"no valid TOML: {message}", source=source, line=line) from error
    except ValueError as error:  # Python refuses whole numbers of several thousand digits
        where = _line_of_long_number(text)
        raise ConfigError("a number has too many digits", source=source, line=where, hint="shorten it") from error
    except RecursionError as error:
        raise ConfigError("tables or lists are nested too deeply", source=source, hint="flatten them") from error


def _line_of_long_number(text: str) -> int | None:
    match = re.search(r"[0-9_]{4000,}", text)
    return None if match is None else text.count("\n", 0, match.start()) + 1


def _where(message: str, text: str) -> tuple[str, int]:
    """The parser's message without its position, and the line it points at."""
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", message)
    if match is None:
        return message, 1
    line = int(match[1]) if match[1] else text.rstrip("\n").count("\n") + 1
    return message.replace(match[0], "" if match[1] else " at the end of the file"), line


def dotted(path: KeyPath) -> str:
    """A key as people write it: `step[2].files[0].size`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(wrong: str, names: Sequence[str]) -> str:
    """A hint that names the right word nearest to a wrong one, or all of them."""
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.55)
    return f"did you mean `{close[0]}`?" if close else f"known are: {', '.join(sorted(names))}"


class Table:
    """One table of a document. Every reader returns None for a key that is not there, unless it has a default."""

    def __init__(self, document: Document, path: KeyPath, data: Mapping[str, object]) -> None:
        self._document = document
        self._path = path
        self._data = data

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def only(self, *known: str) -> None:
        """Refuse every key that is not `known`."""
        for key in self._data:
            if key not in known:
                raise self.error(key, "unknown key", nearest(key, known))

    def error(self, key: str | None, problem: str, hint: str | None = None) -> ConfigError:
        """A mistake at `key` of this table, or in the table itself."""
        path = self._path if key is None else (*self._path, key)
        return self._document.error(path, problem, hint)

    def items(self) -> ItemsView[str, object]:
        """Keys and values as TOML gave them."""
        return self._data.items()

    def raw(self, key: str) -> object | None:
        """The value as TOML gave it."""
        return self._data.get(key)

    def text(self, key: str) -> str | None:
        """A text."""
        value = self._data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(key, "must be a text", f'write {key} = "..."')
        return value

    def named(self, key: str) -> str | None:
        """A text that is not empty if it is there."""
        value = self.text(key)
        if value is not None and not value.strip():
            raise self.error(key, "must not be empty", "leave it out, or write something")
        return value

    def required(self, key: str, example: str) -> str:
        """A text that must be there and not be empty."""
        value = self.text(key)
        if not value:
            raise self.error(None if value is None else key, f"`{key}` is missing", f"write for example {example}")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false if it is not there."""
        value = self._data.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false", f"write {key} = true")
        return value

    def number(
        self, key: str, default: float, *, above: float | None = None, least: float = 0.0, most: float = math.inf
    ) -> float:
        """A finite number of at least `least`, or of more than `above`, and at most `most`."""
        value = self._data.get(key, default)
        low = least if above is None else above
        bound = f"at least {low:g}" if above is None else f"more than {low:g}"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(key, f"must be a number, {bound}", f"write {key} = {default:g}")
        if not value >= low or value == above:  # neither can be said of nan
            raise self.error(key, f"must be {bound}, not {_shown(value)}")
        if value > most or value > sys.float_info.max:
            largest = "a finite number" if most == math.inf else f"at most {most:.12g}"
            raise self.error(key, f"must be {largest}, not {_shown(value)}")
        return float(value)

    def integer(self, key: str, *, least: int, most: int = 2**63 - 1) -> int | None:
        """A whole number from `least` to `most`."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, f"must be a whole number, at least {least}", f"write {key} = {max(least, 1)}")
        if value < least:
            raise self.error(key, f"must be at least {least}, not {_shown(value)}")
        if value > most:
            raise self.error(key, f"must be at most {most}, not {_shown(value)}")
        return value

    def choice(self, key: str, options: Sequence[str]) -> str | None:
        """One of `options`."""
        value = self.text(key)
        if value is not None and value not in options:
            raise self.error(key, f"must be one of {', '.join(options)}, not {value!r}", nearest(value, options))
        return value

    def texts(self, key: str) -> dict[str, str]:
        """A table of texts; numbers in it are taken as texts. Empty if it is not there."""
        table = self.table(key)
        if table is None:
            return {}
        result: dict[str, str] = {}
        for name, value in table.items():
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise table.error(name, "must be a text", f'write {name} = "..."')
            result[name] = str(value)
        return result

    def names(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them empty. Empty if it is not there."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(key, "must be a list of texts", f'write {key} = ["...", "..."]')
        return tuple(value)

    def command(self, key: str) -> tuple[str, ...] | None:
        """A command as a list of words, none of them split or expanded."""
        value = self._data.get(key)
        return None if value is None else self._words(value, (key,))

    def commands(self, key: str) -> tuple[tuple[str, ...], ...]:
        """A list of commands. Empty if it is not there."""
        value = self._data.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, "must be a list of commands", f'write {key} = [["program", "argument"]]')
        return tuple(self._words(item, (key, index)) for index, item in enumerate(value))

    def statuses(self, key: str) -> tuple[int, ...]:
        """A list of HTTP statuses, at least one. Empty if it is not there."""
        value = self._data.get(key, [])
        if value == [] and key in self:
            raise self.error(key, "must list at least one HTTP status", f"write {key} = [200, 201], or leave it out")
        if not isinstance(value, list) or not all(_is_status(item) for item in value):
            raise self.error(key, "must be a list of HTTP statuses", f"write {key} = [200, 201]")
        return tuple(value)

    def table(self, key: str) -> Table | None:
        """A table inside this one."""
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(key, "must be a table", f"write {key} = {{ ... }}")
        return Table(self._document, (*self._path, key), value)

    def tables(self, key: str) -> tuple[Table, ...]:
        """A list of tables. Empty if it is not there."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, "must be a list of tables", f"write [[{key}]] or {key} = [{{ ... }}]")
        return tuple(Table(self._document, (*self._path, key, index), item) for index, item in enumerate(value))

    def _words(self, value: object, path: KeyPath) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            problem = "must be a command as a list of words"
            raise self._document.error((*self._path, *path), problem, 'write for example ["program", "argument"]')
        return tuple(value)


def _shown(number: float) -> str:
    """A number as it was written, cut where it is too long to read."""
    text = str(number)
    return text if len(text) <= 24 else f"{text[:20]}..."


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599
