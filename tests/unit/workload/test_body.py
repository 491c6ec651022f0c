from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.workload.body import Body, build_body
from leakhunt.workload.placeholders import Placeholders
from leakhunt.workload.scenario import FilePart, SizeRange, Step


def body(step: Step, n: int = 1, size: int | None = None) -> Body:
    made = build_body(step, Placeholders(n, 7), size)
    assert made is not None
    return made


def upload(*parts: FilePart) -> Step:
    return Step("a", "POST", "/", files=parts)


def test_a_request_without_contents_has_no_body() -> None:
    assert build_body(Step("a", "GET", "/"), Placeholders(1, 7)) is None


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 10**5), st.integers(0, 10**5))
def test_the_length_is_that_of_the_chunks_and_sizes_stay_in_their_range(n: int, low: int, spread: int) -> None:
    step = upload(FilePart("f", "random", SizeRange(low, low + spread)))
    made = body(step, n)
    assert made.length == sum(map(len, made.chunks()))
    (payload,) = (segment for segment in made.segments if not isinstance(segment, bytes))
    assert low <= payload.size <= low + spread


def test_sizes_of_a_range_spread_over_it() -> None:
    step = upload(FilePart("f", "random", SizeRange(0, 1000)))
    lengths = [body(step, n).length for n in range(200)]
    assert max(lengths) - min(lengths) > 900


def test_a_size_below_the_smallest_file_gives_the_smallest_file() -> None:
    step = upload(FilePart("f", "document", SizeRange(5000, 5000)))
    sizes = [segment.size for segment in body(step, size=10).segments if not isinstance(segment, bytes)]
    assert sizes == [1024]


def test_two_steps_and_two_files_of_a_step_never_send_the_same_contents() -> None:
    part = FilePart("f", "random", SizeRange(500, 500))
    both = [segment for segment in body(upload(part, part)).segments if not isinstance(segment, bytes)]
    other = [
        segment for segment in body(Step("b", "POST", "/", files=(part,))).segments if not isinstance(segment, bytes)
    ]
    assert len({b"".join(payload.chunks()) for payload in both + other}) == 3


def test_quotes_and_line_ends_in_names_cannot_break_out_of_their_header() -> None:
    step = Step(
        "a",
        "POST",
        "/",
        form={'x"\r\ny': "1"},
        files=(FilePart("f", "random", SizeRange(1, 1), name='a"b\r\nc.bin'),),
    )
    whole = b"".join(bytes(chunk) for chunk in body(step).chunks())
    assert b'name="x%22%0D%0Ay"' in whole
    assert b'filename="a%22b%0D%0Ac.bin"' in whole


def test_the_type_of_a_raw_body_is_told_by_its_looks() -> None:
    looks = {b'{"a": {n}}': "application/json", b"a=1&b=2": "application/x-www-form-urlencoded", b"hello": "text/plain"}
    assert {raw: body(Step("a", "POST", "/", body=raw)).content_type for raw in looks} == looks
