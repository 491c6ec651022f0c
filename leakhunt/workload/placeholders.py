"""`{n}` and `{seed}` in the texts of a workload. Every other brace is left alone, so JSON can be written as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{(n|seed)\}")


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The values for one request."""

    n: int
    seed: int

    def text(self, text: str) -> str:
        """`text` with its placeholders filled in."""
        values = {"n": str(self.n), "seed": str(self.seed)}
        return _PLACEHOLDER.sub(lambda match: values[match[1]], text)

    def data(self, data: bytes) -> bytes:
        """Like `text`, for a body that need not be text."""
        return data.replace(b"{n}", b"%d" % self.n).replace(b"{seed}", b"%d" % self.seed)

    def texts(self, texts: Mapping[str, str]) -> dict[str, str]:
        """A mapping with the placeholders of its values filled in."""
        return {key: self.text(value) for key, value in texts.items()}

    def json(self, value: object) -> object:
        """A JSON value with the placeholders of all texts in it filled in."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        return value
