"""The one part that is compiled: leakhunt is installed without it where there is no C compiler."""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("leakhunt", "agent", "native")

setup(
    ext_modules=[
        Extension(
            "leakhunt.agent._sampler",
            sources=[str(path) for path in sorted(NATIVE.glob("*.c"))],
            depends=[str(path) for path in sorted(NATIVE.glob("*.h"))],
            define_macros=[("_GNU_SOURCE", "1")],
            extra_compile_args=["-std=c11", "-fvisibility=hidden"],
            optional=True,
        )
    ]
)
