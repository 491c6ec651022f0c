"""The native sampler in this process: brought by the controller, started, read and stopped for it."""

from __future__ import annotations

from leakhunt.agent import brought

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Sampling:
    """The sampler while it runs for us."""

    module: Any = None


def start(interval: int, image: str, made_for: str, digest: str) -> None:
    """Sample from now on, a block every so many bytes; anew if it does so already. Raises brought.Unfit.

    Raises RuntimeError, with a sentence, if the sampler does not work in this process.
    """
    import binascii

    stop()
    module = brought.load("_sampler", binascii.a2b_base64(image), made_for, digest)
    module.start(interval)
    Sampling.module = module


def read() -> dict[str, Any]:
    """What the sampler reads, and its own figures. Raises RuntimeError if it does not run."""
    if Sampling.module is None:
        raise RuntimeError("the sampler has not been started")
    return {"reading": Sampling.module.read(), "stats": Sampling.module.stats()}


def stop() -> dict[str, str]:
    """Stop it if it runs for us; tells where its hooks were, by domain."""
    module, Sampling.module = Sampling.module, None
    return dict(module.stop()) if module is not None else {}
