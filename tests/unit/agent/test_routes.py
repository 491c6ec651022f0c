from __future__ import annotations

import pytest

from leakhunt.agent.routes import as_pattern, mask_path, request_path


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/", "/"),
        ("/lessons/12/images/", "/lessons/{n}/images/"),
        ("/search?q=12", "/search"),
        ("/image_12.png", "/image_{n}.png"),
        ("/a-17.png", "/a-{n}.png"),
        ("/lesson-3/2026-01-02", "/lesson-{n}/{n}-{n}-{n}"),
        ("/up2", "/up2"),
        ("/oauth2/s3/1", "/oauth2/s3/{n}"),
        ("/17th/mp3.7", "/17th/mp3.{n}"),
        ("/größe3/4", "/größe3/{n}"),
        ("/api/v1/items/3", "/api/v1/items/{n}"),
        ("/v2.1/items", "/v2.1/items"),
        ("/u/3F2504E0-4F89-11D3-9A0C-0305E82C3301/x", "/u/{id}/x"),
        ("/blobs/5d41402abc4b2a76b9719d911017c592", "/blobs/{id}"),
        ("/commits/9f8e7d6c", "/commits/{id}"),
        ("/facade/deadbeef", "/facade/deadbeef"),
        ("/a%20b/%31%32", "/a b/{n}"),
        ("/gr%C3%BC%C3%9Fe", "/grüße"),
    ],
)
def test_numbers_and_identifiers_are_masked(path: str, masked: str) -> None:
    assert mask_path(path) == masked
    assert mask_path(masked) == masked


def test_interfaces_that_differ_by_a_number_in_their_name_are_routes_of_their_own() -> None:
    assert len({mask_path(path) for path in ("/up1", "/up2", "/v1/x", "/v2/x", "/api2/x", "/api3/x")}) == 6


def test_the_path_of_a_request_is_what_the_client_meant() -> None:
    latin = "/grüße".encode().decode("latin-1")
    assert request_path({"SCRIPT_NAME": "/app", "PATH_INFO": latin}) == "/app/grüße"
    assert request_path({}) == "/"


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [("lessons/<int:pk>/", "/lessons/<int:pk>/"), (r"^old/(\d+)/$", r"/old/(\d+)/"), (r"^x\Z", "/x"), ("/a", "/a")],
)
def test_patterns_lose_their_anchors_and_begin_with_a_slash(pattern: str, shown: str) -> None:
    assert as_pattern(pattern) == shown
