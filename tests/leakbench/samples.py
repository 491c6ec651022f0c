"""A result as tests need it."""

from __future__ import annotations

from leakbench.results import Accused, Answer, Result

SUSPECT = Accused(
    cause="python-objects",
    type="app.Record",
    site="views/app.py:7:Keeper.keep",
    library="msgpack/_cmsgpack.cpython-312.so:",
    package="msgpack 1.0.7",
    path="app._SEEN['*']",
    cap=None,
    bytes_per_request=90.0,
)
ANSWER = Answer(
    verdict="LEAK",
    reasons=(),
    suspects=(SUSPECT,),
    bytes_per_request=110.0,
    interval=(100.0, 120.0),
    basis="live",
    growths={"live": 110.0},
    minimum_detectable=64.0,
    rounds=12,
    requests=900,
    seconds_to_verdict=4.0,
    server="wsgiref",
    python="3.12.1",
    unexplained=0.01,
    caveats=(),
)
RESULT = Result(
    "case", "leaky", 1, "t", "c", "commit", "0.1", "2026-11-26T05:00:00+00:00", 9.0, "judged", 1, None, ANSWER
)
