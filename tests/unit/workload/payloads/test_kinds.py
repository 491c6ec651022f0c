from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.workload.payloads.base import Kind, Recipe
from leakhunt.workload.payloads.kinds import IMAGE, KIND_NAMES, KINDS, Payload, kind_for, minimum_size

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def whole(kind: Kind, recipe: Recipe) -> bytes:
    return b"".join(kind.make(recipe))


def test_names_are_unique_and_known() -> None:
    assert len(set(KIND_NAMES)) == len(KIND_NAMES)
    assert all(kind_for(name, Recipe(0, 1, 5000)) in KINDS for name in KIND_NAMES)
    with pytest.raises(KeyError):
        kind_for("audio", Recipe(0, 1, 5000))


def test_image_takes_turns_and_the_seed_decides_which_is_first() -> None:
    turns = [[kind_for(IMAGE, Recipe(seed, n, 5000)).extension for n in (1, 2, 3)] for seed in (0, 1)]
    assert turns == [[".jpg", ".png", ".jpg"], [".png", ".jpg", ".png"]]


@every_kind
@settings(deadline=None)
@given(data=st.data())
def test_a_file_has_exactly_the_size_it_should_have(kind: Kind, data: st.DataObject) -> None:
    size = data.draw(st.integers(kind.minimum, kind.minimum + 3000) | st.integers(kind.minimum, 1_500_000))
    recipe = Recipe(data.draw(st.integers(0, 3)), data.draw(st.integers(1, 10**9)), size, megapixels=0.1)
    assert len(whole(kind, recipe)) == Payload(kind, recipe).size == size


@every_kind
def test_sizes_around_every_boundary_of_the_padding_are_exact(kind: Kind) -> None:
    chunks = (65533, 65537, 4 * 65537, 5 * 65537, 262_144, 2 * 262_144, 1_048_576)
    overhead = kind.minimum + 600
    for size in sorted({chunk + shift for chunk in chunks for shift in (-13, -4, 0, 1, 5, overhead)}):
        assert len(whole(kind, Recipe(1, 1, size, megapixels=0.01))) == size


@every_kind
def test_the_smallest_file_can_be_made(kind: Kind) -> None:
    assert len(whole(kind, Recipe(5, 7, kind.minimum))) == kind.minimum


@every_kind
def test_contents_follow_from_the_recipe_alone_and_differ_with_every_part_of_it(kind: Kind) -> None:
    recipes = [Recipe(7, 1, 9000), Recipe(7, 2, 9000), Recipe(8, 1, 9000), Recipe(7, 1, 9000, salt="other step")]
    contents = [whole(kind, recipe) for recipe in recipes]
    assert len(set(contents)) == len(recipes)
    assert [whole(kind, recipe) for recipe in recipes] == contents


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("image/jpeg", "5c95cbfb2b025ab3"),
        ("video", "74caf400d2bbec02"),
        ("document", "bbbf7013e8864cb8"),
        ("random", "9befab1c6c627591"),
    ],
)
def test_contents_are_the_same_on_every_machine(name: str, digest: str) -> None:
    """Runs with one seed are compared with each other. (How well a PNG is deflated is up to the machine's zlib.)"""
    recipe = Recipe(7, 3, 300_000)
    assert hashlib.sha256(whole(kind_for(name, recipe), recipe)).hexdigest()[:16] == digest


@every_kind
def test_a_large_file_is_made_in_small_chunks(kind: Kind) -> None:
    largest = max(map(len, _chunks(kind)))
    assert largest <= 512 * 1024


def _chunks(kind: Kind) -> Iterator[bytes | memoryview]:
    return kind.make(Recipe(7, 1, 100_000_000))


@pytest.mark.parametrize("name", ["image/png", "image/jpeg"])
@pytest.mark.parametrize("size", [512, 1000, 30_000, 300_000, 2_000_001])
def test_pillow_decodes_every_pixel_of_an_image(name: str, size: int) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="Pillow opens what was generated")
    recipe = Recipe(7, 1, size)
    content = whole(kind_for(name, recipe), recipe)
    with image_module.open(io.BytesIO(content)) as checked:
        checked.verify()
    with image_module.open(io.BytesIO(content)) as image:
        image.load()
        width, height = image.size
        assert image.mode == "RGB"
        assert width * height <= 2_000_000
        assert size < 100_000 or width * height > 1_900_000
        extremes = image.getextrema()
    assert any(high - low > 16 for low, high in extremes), "one flat colour would not be real pixels"


@pytest.mark.parametrize("name", ["image/png", "image/jpeg"])
def test_every_pixel_of_the_next_image_is_another(name: str) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="Pillow opens what was generated")
    corners = []
    for n in (1, 2):
        recipe = Recipe(7, n, 100_000)
        with image_module.open(io.BytesIO(whole(kind_for(name, recipe), recipe))) as image:
            corners.append([image.getpixel((x, y)) for x in (0, image.width - 1) for y in (0, image.height - 1)])
    assert all(before != after for before, after in zip(*corners, strict=True))


@pytest.mark.parametrize("megapixels", [0.000001, 0.1, 1.0, 8.0])
@pytest.mark.parametrize("name", ["image/png", "image/jpeg"])
def test_megapixels_bound_the_picture(name: str, megapixels: float) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="Pillow opens what was generated")
    recipe = Recipe(7, 1, 1_000_000, megapixels=megapixels)
    with image_module.open(io.BytesIO(whole(kind_for(name, recipe), recipe))) as image:
        pixels = image.width * image.height
    assert pixels <= max(megapixels * 1_000_000, 64)
    assert pixels >= megapixels * 900_000


def test_padding_does_not_stay_in_memory_with_a_picture_that_pillow_keeps() -> None:
    image_module = pytest.importorskip("PIL.Image", reason="Pillow opens what was generated")
    for name in ("image/png", "image/jpeg"):
        recipe = Recipe(7, 1, 3_000_000)
        image = image_module.open(io.BytesIO(whole(kind_for(name, recipe), recipe)))
        image.load()
        kept = [value for value in vars(image).values() if isinstance(value, (bytes, list, dict))]
        assert len(repr(kept)) < 10_000


def test_an_mp4_is_a_sequence_of_boxes_that_ends_with_the_file() -> None:
    recipe = Recipe(7, 1, 70_000)
    content = whole(kind_for("video", recipe), recipe)
    boxes, position = [], 0
    while position < len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        boxes.append(content[position + 4 : position + 8])
        position += size
    assert (boxes, position) == ([b"ftyp", b"moov", b"mdat"], len(content))


def test_an_mp4_above_4_gib_has_a_long_size() -> None:
    size = 2**32 + 1000
    chunks = kind_for("video", Recipe(7, 1, size)).make(Recipe(7, 1, size))
    head = next(chunks)
    assert head[-16:-8] == b"\0\0\0\1mdat"
    assert int.from_bytes(bytes(head[-8:]), "big") == size - len(head) + 16


def test_every_offset_in_a_pdf_points_at_its_object() -> None:
    recipe = Recipe(7, 1, 70_000)
    content = whole(kind_for("document", recipe), recipe)
    start = int(content.rpartition(b"startxref\n")[2].split(b"\n")[0])
    table = content[start:].split(b"\n")
    assert table[0] == b"xref"
    count = int(table[1].split()[1])
    for number in range(1, count):
        offset = int(table[2 + number].split()[0])
        assert content[offset:].startswith(b"%d 0 obj\n" % number)
    length = int(content.rpartition(b"/Length ")[2].split()[0])
    stream = content.rpartition(b"/Length ")[2].partition(b"stream\n")[2]
    assert stream[length:].startswith(b"\nendstream\nendobj\nxref")


def test_too_small_a_recipe_is_refused() -> None:
    for kind in KINDS:
        if kind.minimum:
            with pytest.raises(ValueError, match=r"too small|at least"):
                whole(kind, Recipe(7, 1, 20))
    assert minimum_size(IMAGE) == 512
