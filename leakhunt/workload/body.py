"""The body of one request: its exact length is known before the first byte, and no file is ever whole in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import urlencode

from leakhunt.units import Bytes
from leakhunt.workload.payloads.base import Chunk, Recipe
from leakhunt.workload.payloads.kinds import Payload, kind_for, minimum_size
from leakhunt.workload.placeholders import Placeholders
from leakhunt.workload.scenario import FilePart, Step

Segment: TypeAlias = bytes | Payload

_REPEATED: Final = 1
"""Number of the file that is sent again and again."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent after the headers."""

    content_type: str | None
    segments: tuple[Segment, ...]

    @property
    def length(self) -> Bytes:
        """Bytes that `chunks` yields together."""
        return sum(segment.size if isinstance(segment, Payload) else len(segment) for segment in self.segments)

    def chunks(self) -> Iterator[Chunk]:
        """The body from its beginning."""
        for segment in self.segments:
            if isinstance(segment, Payload):
                yield from segment.chunks()
            else:
                yield segment


def build_body(step: Step, fill: Placeholders, size: Bytes | None = None) -> Body | None:
    """The body of one request of `step`, broken if its fault is `malformed`; None for a request without one.

    With `size` its files have that many bytes together, as far as their kinds can be that small.
    """
    body = _valid_body(step, fill, size)
    return _malformed(body, fill.n) if body is not None and step.fault == "malformed" else body


def _valid_body(step: Step, fill: Placeholders, size: Bytes | None) -> Body | None:
    if step.files:
        return _multipart(step, fill, size)
    if step.json is not None:
        text = json.dumps(fill.json(step.json), ensure_ascii=False)
        return Body("application/json", (text.encode(),))
    if step.body is not None:
        data = fill.data(step.body)
        return Body(_guess_type(data), (data,))
    if step.form:
        return Body("application/x-www-form-urlencoded", (urlencode(fill.texts(step.form)).encode(),))
    return None


def _guess_type(body: bytes) -> str:
    try:
        json.loads(body)
    except ValueError:
        first = body.split(b"&", 1)[0]
        return "application/x-www-form-urlencoded" if b"=" in first and b"\n" not in first else "text/plain"
    return "application/json"


def _multipart(step: Step, fill: Placeholders, size: Bytes | None) -> Body:
    boundary = f"leakhunt-{_digest(f'boundary:{fill.seed}:{step.name}:{fill.n}').hex()}"
    segments: list[Segment] = [_fields(fill.texts(step.form), boundary)]
    for index, (part, length) in enumerate(zip(step.files, _sizes(step, fill, size), strict=True)):
        payload = _payload(part, fill, length, salt=f"{step.name}:{index}")
        segments += [_file_head(part, payload, fill, boundary), payload, b"\r\n"]
    segments.append(f"--{boundary}--\r\n".encode())
    return Body(f"multipart/form-data; boundary={boundary}", tuple(segments))


def _fields(form: Mapping[str, str], boundary: str) -> bytes:
    return "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in form.items()
    ).encode()


def _file_head(part: FilePart, payload: Payload, fill: Placeholders, boundary: str) -> bytes:
    template = part.name or part.kind.replace("/", "-") + "-{n}" + payload.kind.extension
    name, field = _quoted(fill.text(template)), _quoted(part.field)
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: {payload.kind.content_type}\r\n\r\n"
    ).encode()


def _quoted(text: str) -> str:
    """As browsers write a name into a Content-Disposition header (HTML standard, multipart/form-data)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _payload(part: FilePart, fill: Placeholders, length: Bytes, salt: str) -> Payload:
    number = _REPEATED if part.contents == "repeated" else fill.n
    recipe = Recipe(fill.seed, number, length, part.megapixels, salt)
    kind = kind_for(part.kind, recipe)
    return Payload(kind, replace(recipe, size=max(length, kind.minimum)))


def _sizes(step: Step, fill: Placeholders, total: Bytes | None) -> list[Bytes]:
    if total is None:
        return [_drawn(step, part, fill) for part in step.files]
    whole = sum(part.size.high for part in step.files) or 1
    sizes = [total * part.size.high // whole for part in step.files]
    sizes[-1] += total - sum(sizes)
    return sizes


def _drawn(step: Step, part: FilePart, fill: Placeholders) -> Bytes:
    number = _REPEATED if part.contents == "repeated" else fill.n
    digest = _digest(f"size:{fill.seed}:{step.name}:{part.field}:{number}")
    spread = part.size.high - part.size.low + 1
    return max(part.size.low + int.from_bytes(digest, "big") % spread, minimum_size(part.kind))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def _malformed(body: Body, n: int) -> Body:
    """Alternately two ways to break a multipart body; any other body loses its second half."""
    if body.content_type is None or not body.content_type.startswith("multipart/"):
        whole = b"".join(bytes(chunk) for chunk in body.chunks())
        return Body(body.content_type, (whole[: len(whole) // 2],))
    if n % 2:
        return Body("multipart/form-data", body.segments)
    return Body(body.content_type, body.segments[:-1])
