"""PDF: one page of text that names the file, and filler in a stream object that no page uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leakhunt.workload.payloads.base import Chunk, Kind, Recipe
from leakhunt.workload.payloads.padding import padding

_HEADER: Final = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
_STREAM_END: Final = b"\nendstream\nendobj\n"


def _objects(recipe: Recipe) -> list[bytes]:
    text = b"BT /F1 18 Tf 72 720 Td (Document %s) Tj ET" % recipe.digest(8).hex().encode()
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    return [b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(bodies, 1)]


def _tail(offsets: list[int], start: int) -> bytes:
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(offsets) + 1
    # Ten digits always, so that the length of the tail does not depend on the size of the file.
    return b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%010d\n%%%%EOF\n" % (
        count,
        rows,
        count,
        start,
    )


def _make(recipe: Recipe) -> Iterator[Chunk]:
    objects = _objects(recipe)
    offsets: list[int] = []
    position = len(_HEADER)
    for text in objects:
        offsets.append(position)
        position += len(text)
    offsets.append(position)
    opening = b"%d 0 obj\n<< /Length %010d >>\nstream\n"
    fixed = position + len(opening % (6, 0)) + len(_STREAM_END) + len(_tail(offsets, 0))
    length = recipe.size - fixed
    if length < 0:
        raise ValueError(f"a PDF has at least {fixed} bytes")
    start = recipe.size - len(_tail(offsets, 0))
    yield _HEADER + b"".join(objects) + opening % (6, length)
    yield from padding(recipe, length)
    yield _STREAM_END + _tail(offsets, start)


# Its table of contents has ten digits for a place.
PDF: Final = Kind("document", "application/pdf", ".pdf", 1024, _make, maximum=9 * 10**9)
