from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs

import pytest

from leakhunt.errors import UsageError
from leakhunt.model.measurement import RequestRecord
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import Expect, FilePart, SizeRange, Step, Workload
from unit.workload.upload_server import Arrived, Reply, UploadServer, serving

IMAGE = FilePart("file", "image", SizeRange(20_000, 60_000))
UPLOAD = Step("image", "POST", "/lessons/1/images/", files=(IMAGE,), form={"title": "Lesson {n}"})
PAGE = Step("page", "GET", "/lessons/1/")


def replayer(
    server: UploadServer,
    *steps: Step,
    seed: int = 7,
    concurrency: int = 1,
    headers: Mapping[str, str] | None = None,
    unix: str | None = None,
) -> Replayer:
    return user_of(
        server, Workload("test", steps), seed=seed, concurrency=concurrency, headers=headers or {}, unix=unix
    )


def user_of(
    server: UploadServer,
    workload: Workload,
    *,
    seed: int = 7,
    concurrency: int = 1,
    headers: Mapping[str, str] = MappingProxyType({}),
    unix: str | None = None,
) -> Replayer:
    return Replayer(
        workload,
        "http://localhost" if unix else server.url,
        unix=unix,
        seed=seed,
        concurrency=concurrency,
        headers=headers,
        clock=time.monotonic,
    )


def test_sends_every_step_as_often_as_its_dose_says() -> None:
    with serving() as server:
        records = replayer(server, UPLOAD, PAGE, concurrency=3).run({"image": 5, "page": 11}, round=4)
    assert Counter(record.step for record in records) == {"image": 5, "page": 11}
    assert all(record.expected and record.status == 200 and record.round == 4 for record in records)
    assert Counter(arrived.method for arrived in server.arrived) == {"POST": 5, "GET": 11}


def test_an_upload_arrives_whole_with_its_fields_and_a_name_of_its_own() -> None:
    with serving() as server:
        records = replayer(server, UPLOAD).run({"image": 2}, round=0)
    first, second = (arrived.parts() for arrived in server.arrived)
    assert (first["title"].data, second["title"].data) == (b"Lesson 1", b"Lesson 2")
    assert {part["file"].filename for part in (first, second)} == {"image-1.png", "image-2.jpg"} or {
        part["file"].filename for part in (first, second)
    } == {"image-1.jpg", "image-2.png"}
    assert first["file"].content_type.startswith("image/")
    assert all(20_000 <= len(part["file"].data) <= 60_000 for part in (first, second))
    assert [record.sent for record in records] == [len(arrived.body) for arrived in server.arrived]
    assert all(int(arrived.headers["content-length"]) == len(arrived.body) for arrived in server.arrived)


def bodies(server: UploadServer) -> list[bytes]:
    return [arrived.body for arrived in server.arrived]


def test_one_seed_sends_the_same_bytes_in_the_same_order_and_another_does_not() -> None:
    sent = []
    for seed in (7, 7, 8):
        with serving() as server:
            user = replayer(server, UPLOAD, PAGE, seed=seed)
            user.run({"image": 3, "page": 5}, round=1)
            user.run({"image": 3, "page": 5}, round=2)
        sent.append([(arrived.path, arrived.body) for arrived in server.arrived])
    assert sent[0] == sent[1]
    assert sent[0] != sent[2]
    paths = [path for path, _ in sent[0]]
    assert paths[:8] != paths[8:], "every round has an order of its own"


def test_distinct_inputs_stay_distinct_over_rounds_and_repeated_ones_are_all_the_same() -> None:
    with serving() as server:
        user = replayer(server, UPLOAD)
        user.run({"image": 3}, round=0)
        user.run({"image": 3}, round=1)
        assert len(set(bodies(server))) == 6
        user.run({"image": 4}, round=2, inputs="repeated")
    assert len(set(bodies(server)[6:])) == 1


REPEATED = Workload(
    "test",
    (
        Step("image", "POST", "/lessons/{n}/", files=(IMAGE, replace(IMAGE, field="b", name="{n}")), form={"t": "{n}"}),
        Step("json", "POST", "/json?n={n}", json={"n": ["{n}"]}, headers={"X-N": "{n}"}),
        Step("form", "POST", "/form", form={"n": "{n}"}),
        Step("body", "POST", "/body", body=b"n={n}"),
    ),
    inputs="repeated",
)


def test_a_workload_with_repeated_inputs_sends_the_same_request_again_and_again() -> None:
    with serving() as server:
        user = user_of(server, REPEATED)
        for number in range(2):
            user.run(dict.fromkeys(("image", "json", "form", "body"), 2), round=number)
    sent = Counter((seen.path, seen.headers.get("x-n"), seen.body) for seen in server.arrived)
    assert list(sent.values()) == [4, 4, 4, 4]
    assert {path for path, _, _ in sent} == {"/lessons/1/", "/json?n=1", "/form", "/body"}


def test_a_workload_is_compared_with_the_inputs_that_it_does_not_ask_for() -> None:
    with serving() as server:
        distinct, repeated = replayer(server, PAGE), user_of(server, REPEATED)
        assert (distinct.inputs, distinct.other_inputs) == ("distinct", "repeated")
        assert (repeated.inputs, repeated.other_inputs) == ("repeated", "distinct")
        repeated.run({"form": 3}, round=0, inputs="distinct")
    assert bodies(server) == [b"n=1", b"n=2", b"n=3"]


def test_names_can_differ_while_contents_repeat() -> None:
    part = FilePart("file", "random", SizeRange(1000, 5000), contents="repeated", name="same-{seed}-{n}.bin")
    with serving() as server:
        replayer(server, Step("a", "POST", "/", files=(part,))).run({"a": 2}, round=0)
    first, second = (arrived.parts()["file"] for arrived in server.arrived)
    assert first.data == second.data
    assert (first.filename, second.filename) == ("same-7-1.bin", "same-7-2.bin")


def test_a_size_given_for_a_round_is_the_exact_size_of_the_upload() -> None:
    two = Step("two", "POST", "/", files=(IMAGE, FilePart("other", "random", SizeRange(10_000, 20_000))))
    with serving() as server:
        replayer(server, UPLOAD, two).run({"image": 2, "two": 1}, round=0, sizes={"image": 123_457, "two": 90_001})
    sizes = {
        arrived.path: sum(len(part.data) for part in arrived.parts().values() if part.filename)
        for arrived in server.arrived
    }
    assert sizes == {"/lessons/1/images/": 123_457, "/": 90_001}


def test_placeholders_are_filled_in_everywhere() -> None:
    steps = (
        Step(
            "json", "PUT", "/items/{n}?s={seed}", json={"n": "{n}", "list": ["{seed}", 3]}, headers={"X-Id": "id-{n}"}
        ),
        Step("form", "POST", "/form", form={"title": "T{n}", "text": "a b&c"}),
        Step("body", "POST", "/body", body=b'{"i": {n}}'),
    )
    with serving() as server:
        replayer(server, *steps).run({"json": 1, "form": 1, "body": 1}, round=0)
    arrived = {item.path: item for item in server.arrived}
    put = arrived["/items/1?s=7"]
    assert json.loads(put.body) == {"n": "1", "list": ["7", 3]}
    assert put.headers["x-id"] == "id-1"
    assert put.headers["content-type"] == "application/json"
    assert parse_qs(arrived["/form"].body.decode()) == {"title": ["T1"], "text": ["a b&c"]}
    assert arrived["/body"].body == b'{"i": 1}'
    assert arrived["/body"].headers["content-type"] == "application/json"


def test_headers_of_the_command_line_go_with_every_request_and_replace_our_own() -> None:
    with serving() as server:
        user = replayer(server, PAGE, headers={"host": "courses.example", "Authorization": "Bearer abc"})
        records = user.run({"page": 1}, round=0)
    assert server.arrived[0].headers["host"] == "courses.example"
    assert server.arrived[0].headers["authorization"] == "Bearer abc"
    assert "abc" not in repr(records)


def test_placeholders_in_headers_of_the_command_line_are_filled_in() -> None:
    with serving() as server:
        replayer(server, PAGE, headers={"X-Id": "{seed}-{n}"}).run({"page": 2}, round=0)
    assert [seen.headers["x-id"] for seen in server.arrived] == ["7-1", "7-2"]


def test_a_step_marked_once_is_sent_before_all_others_and_never_again() -> None:
    once = Step("create", "POST", "/lessons/", form={"a": "b"}, once=True)
    with serving() as server:
        user = replayer(server, PAGE, once)
        first = user.run({"page": 2, "create": 9}, round=0)
        second = user.run({"page": 2, "create": 9}, round=1)
    assert [record.step for record in first] == ["create", "page", "page"]
    assert [record.step for record in second] == ["page", "page"]


@pytest.mark.parametrize("status", [201, 302, 404, 500])
def test_only_2xx_is_expected_and_redirects_are_not_followed(status: int) -> None:
    with serving(lambda _: Reply(status, {"Location": "/login/"})) as server:
        records = replayer(server, PAGE).run({"page": 2}, round=0)
    assert [record.status for record in records] == [status, status]
    assert all(record.expected == (status == 201) for record in records)
    assert {arrived.path for arrived in server.arrived} == {"/lessons/1/"}


def test_an_impatient_user_tries_again_with_the_same_body_until_it_works() -> None:
    statuses = itertools.chain([503, 500], itertools.repeat(200))
    step = Step("image", "POST", "/", files=(IMAGE,), retries=3)
    with serving(lambda _: Reply(next(statuses))) as server:
        records = replayer(server, step).run({"image": 1}, round=0)
    assert [(record.retry, record.status, record.expected) for record in records] == [
        (0, 503, False),
        (1, 500, False),
        (2, 200, True),
    ]
    assert len(set(bodies(server))) == 1


def test_a_truncated_upload_reaches_the_server_short_and_still_gets_its_answer() -> None:
    step = Step("cut", "POST", "/", files=(IMAGE,), fault="truncated", expect=Expect(also=(400,), dropped=True))
    with serving(lambda seen: Reply(200 if seen.complete else 400)) as server:
        (record,) = replayer(server, step).run({"cut": 1}, round=0)
    (arrived,) = server.arrived
    assert not arrived.complete
    assert len(arrived.body) == int(arrived.headers["content-length"]) // 2 == record.sent
    assert (record.status, record.expected) == (400, True)


def test_a_client_disconnects_in_the_middle_of_its_upload_and_after_it_by_turns() -> None:
    part = FilePart("file", "random", SizeRange(3_000_000, 3_000_000))
    step = Step("gone", "POST", "/", files=(part,), fault="disconnect", expect=Expect(dropped=True))
    with serving() as server:
        records = replayer(server, step).run({"gone": 2}, round=0)
        arrived = server.wait_for(2)
    assert [seen.complete for seen in sorted(arrived, key=lambda seen: seen.connection)] == [False, True]
    assert all(record.expected and record.status is None for record in records)
    assert {record.error for record in records} == {"disconnected on purpose"}


def test_a_malformed_upload_has_no_boundary_or_no_end_by_turns() -> None:
    step = Step("bad", "POST", "/", files=(IMAGE,), fault="malformed")
    with serving() as server:
        replayer(server, step).run({"bad": 2}, round=0)
    first, second = server.arrived
    assert "boundary" not in first.headers["content-type"]
    boundary = second.headers["content-type"].partition("boundary=")[2].encode()
    assert boundary in second.body
    assert boundary + b"--" not in second.body
    assert first.complete
    assert second.complete


def test_malformed_json_is_no_json() -> None:
    step = Step("bad", "POST", "/", json={"a": [1, 2, 3]}, fault="malformed")
    with serving() as server:
        replayer(server, step).run({"bad": 1}, round=0)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(server.arrived[0].body)


def test_a_connection_is_used_again_as_long_as_the_server_keeps_it() -> None:
    with serving() as server:
        user = replayer(server, PAGE, UPLOAD)
        user.run({"page": 4, "image": 2}, round=0)
    assert server.connections == 1


def test_no_connection_outlives_its_round() -> None:
    with serving() as server:
        user = replayer(server, PAGE)
        user.run({"page": 2}, round=0)
        user.run({"page": 2}, round=1)
    assert [arrived.connection for arrived in server.arrived] == [1, 1, 2, 2]


def test_a_server_that_closes_every_connection_costs_no_request() -> None:
    with serving(lambda _: Reply(close=True)) as server:
        user = replayer(server, PAGE)
        records = user.run({"page": 4}, round=0)
    assert server.connections == 4
    assert all(record.expected for record in records)


def test_an_early_refusal_of_a_large_upload_is_read_although_the_server_never_reads_the_body() -> None:
    part = FilePart("file", "random", SizeRange(50_000_000, 50_000_000))
    with serving(lambda _: Reply(413, close=True), reads_bodies=False) as server:
        (record,) = replayer(server, Step("big", "POST", "/", files=(part,))).run({"big": 1}, round=0)
    assert record.status == 413
    assert not record.expected
    assert record.sent < 50_000_000


def test_a_target_that_is_gone_is_an_unexpected_answer_even_where_a_dropped_connection_is_expected() -> None:
    gone = Step("gone", "GET", "/", fault="disconnect", expect=Expect(dropped=True))
    with serving() as server:
        user = replayer(server, PAGE, gone)
    records = user.run({"page": 1, "gone": 1}, round=0)
    assert [record.status for record in records] == [None, None]
    assert {record.error for record in records} == {"connection refused"}
    assert not any(record.expected for record in records)


def test_a_server_that_does_not_answer_in_time_is_recorded_as_such() -> None:
    leave = threading.Event()

    def wait(_: Arrived) -> Reply:
        leave.wait(10)
        return Reply()

    with serving(wait) as server:
        (record,) = replayer(server, Step("slow", "GET", "/", timeout=0.05)).run({"slow": 1}, round=0)
        leave.set()
    assert (record.status, record.error) == (None, "no progress for 0.05 s")


def test_as_many_requests_are_in_flight_as_were_asked_for() -> None:
    meeting = threading.Barrier(4, timeout=10)

    def meet(_: Arrived) -> Reply:
        meeting.wait()
        return Reply()

    with serving(meet) as server:
        records = replayer(server, PAGE, concurrency=4).run({"page": 8}, round=0)
    assert all(record.expected for record in records)


def test_stop_starts_no_new_request_and_keeps_what_was_recorded() -> None:
    with serving(lambda _: _stopping(user)) as server:
        user = replayer(server, PAGE)
        records = user.run({"page": 50}, round=0)
    assert len(records) == len(server.arrived) == 1
    assert records[0].expected


def test_an_interrupt_ends_requests_in_flight_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, leave = threading.Event(), threading.Event()

    def wait(_: Arrived) -> Reply:
        arrived.set()
        leave.wait(10)
        return Reply()

    def interrupted(*_: object) -> None:
        arrived.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    with serving(wait) as server:
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            replayer(server, PAGE).run({"page": 5}, round=0)
        assert not leave.is_set()
        assert time.monotonic() - started < 9, "it waited for the answer"
        leave.set()


def _stopping(user: Replayer) -> Reply:
    user.stop()
    return Reply()


def test_works_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(unix=path) as server:
        (record,) = replayer(server, UPLOAD, unix=str(path)).run({"image": 1}, round=0)
    assert record.expected
    assert server.arrived[0].headers["host"] == "localhost"
    assert server.arrived[0].complete


def test_records_are_in_the_order_of_their_start() -> None:
    with serving() as server:
        records = replayer(server, PAGE, concurrency=3).run({"page": 30}, round=0)
    starts = [record.started for record in records]
    assert starts == sorted(starts)


def test_route_keys_are_masked_as_the_agent_masks_them() -> None:
    with serving() as server:
        user = replayer(server, UPLOAD, Step("s", "GET", "/users/{n}/?q=secret"))
    assert user.route_keys() == {"image": "POST /lessons/{n}/images/", "s": "GET /users/{n}/"}


def test_a_route_that_is_only_reached_once_is_not_among_those_to_judge() -> None:
    once = [Step("create", "POST", "/lessons/", once=True), Step("first", "GET", "/lessons/9/", once=True)]
    with serving() as server:
        user = replayer(server, *once, PAGE)
    assert user.route_keys() == {"page": "GET /lessons/{n}/"}


def test_a_number_that_is_part_of_a_word_scatters_a_step_over_routes() -> None:
    paths = {"glued": "/item{n}", "apart": "/item-{n}.png", "whole": "/items/{n}", "query": "/items?i={n}", "no": "/a1"}
    steps = tuple(Step(name, "GET", path) for name, path in paths.items())
    with serving() as server:
        assert replayer(server, *steps).scattered() == ("glued",)
        assert user_of(server, Workload("test", steps, inputs="repeated")).scattered() == ()


def test_only_http_is_replayed() -> None:
    with pytest.raises(UsageError, match="only http"):
        Replayer(
            Workload("test", (PAGE,)), "https://x", unix=None, seed=0, concurrency=1, headers={}, clock=time.monotonic
        )


def test_a_user_thinks_before_a_request() -> None:
    step = Step("page", "GET", "/", think=0.05)
    with serving() as server:
        records = replayer(server, step).run({"page": 3}, round=0)
    assert all(gap >= 0.05 for gap in gaps(records))


def gaps(records: tuple[RequestRecord, ...]) -> list[float]:
    return [after.started - before.started for before, after in itertools.pairwise(records)]
