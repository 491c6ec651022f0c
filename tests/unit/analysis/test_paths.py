"""Growing paths, their lines and the names of bugs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import App, Kept, explain, record
from leakhunt.analysis.explain import AloneRounds, Tally, alone_rounds
from leakhunt.analysis.fingerprint import fingerprint
from leakhunt.analysis.frames import innermost_application, is_application, library_of, relative_file, short_file
from leakhunt.analysis.join import join
from leakhunt.analysis.paths import growing_paths
from leakhunt.analysis.sites import growing_sites
from leakhunt.model.report import Site
from leakhunt.model.snapshot import Frame

IMAGE = "POST /image"
VIEW = Frame("/srv/app/shop/views.py", 12, "upload")
KEY = Frame("/srv/app/shop/views.py", 14, "upload")
LIST = [("shop.views", "module"), ("._SEEN", "list"), ("[*]", "bytes")]
CACHE = [("shop.cache", "module"), (".RULES", "dict"), ("['*']", "shop.cache.Rule")]


def alone(*kept: Kept) -> AloneRounds:
    (found,) = alone_rounds(explain(record(App(routes=(IMAGE,)), blocks=1), IMAGE, kept))
    return found


def test_the_first_snapshot_of_a_step_is_the_base() -> None:
    assert alone(Kept(LIST)).doses == (5, 7, 11)


def test_the_topmost_growing_node_names_the_holder() -> None:
    (path,) = growing_paths(alone(Kept(LIST, size=4_000)))
    assert path.path == "shop.views._SEEN[*]"
    assert (path.holder, path.holder_type, path.type) == ("shop.views._SEEN", "list", "bytes")
    assert path.size_per_request == pytest.approx(4_000)
    assert path.multiple == 1


def test_a_container_that_grows_to_have_room_is_the_holder_not_what_is_held() -> None:
    (path,) = growing_paths(alone(Kept(LIST, size=4_000, room=8)))
    assert (path.holder, path.path, path.type) == ("shop.views._SEEN", "shop.views._SEEN[*]", "bytes")
    assert path.multiple == 1


def test_a_container_of_its_own_in_a_new_worker_is_still_the_holder() -> None:
    first, *others = alone(Kept(LIST, size=4_000, room=8)).pairs
    before, after = first[0]
    newborn = replace(before, paths=before.paths[:1])  # it had not imported the module yet
    rounds = AloneRounds("image", IMAGE, (5, 7, 11), (((newborn, after),), *others))
    (path,) = growing_paths(rounds)
    assert (path.holder, path.type) == ("shop.views._SEEN", "bytes")


def test_an_object_that_grows_by_itself_is_what_is_held() -> None:
    grows = Kept([("shop.views", "module"), ("._LOG", "bytearray"), ("[*]", "int")], per_request=0, room=900)
    (path,) = growing_paths(alone(grows))
    assert (path.path, path.type) == ("shop.views._LOG", "bytearray")


def test_the_path_goes_down_to_where_the_bytes_are() -> None:
    kept = Kept(CACHE, size=48, below=[(".body", "bytes", 9_000), (".tail", "bytes", 100)])
    (path,) = growing_paths(alone(kept))
    assert path.path == "shop.cache.RULES['*'].body"
    assert path.holder == "shop.cache.RULES"
    assert path.objects_per_request == pytest.approx(3)


def test_what_does_not_grow_is_no_path() -> None:
    assert growing_paths(alone(Kept(LIST, per_request=0, size=4_000))) == ()


def test_paths_are_ranked_by_bytes() -> None:
    paths = growing_paths(alone(Kept(LIST, size=100), Kept(CACHE, size=5_000)))
    assert [path.holder for path in paths] == ["shop.cache.RULES", "shop.views._SEEN"]


def test_every_path_gets_the_line_that_fits() -> None:
    rounds = alone(
        Kept(LIST, size=20_000, stack=[VIEW], allocated=20_033),
        Kept(CACHE, size=700, stack=[KEY], allocated=720),
    )
    leads = join(growing_paths(rounds), growing_sites(rounds))
    assert [(lead.path and lead.path.holder, lead.site and lead.site.frame.line) for lead in leads] == [
        ("shop.views._SEEN", 12),
        ("shop.cache.RULES", 14),
    ]


def test_a_line_without_a_holder_is_a_lead_of_its_own() -> None:
    rounds = alone(Kept([("x", "module")], per_request=1, stack=[VIEW], allocated=50_000))
    sites = growing_sites(rounds)
    (lead,) = join((), sites)
    assert lead.path is None
    assert lead.size_per_request == pytest.approx(50_000)


def test_exact_multiples_are_recognised_only_where_every_round_agrees() -> None:
    assert Tally((3, 5, 7), (6, 10, 14), (0, 0, 0)).multiple == 2
    assert Tally((3, 5, 7), (6, 10, 15), (0, 0, 0)).multiple is None
    assert Tally((5, 5, 5), (5, 5, 5), (0, 0, 0)).multiple is None


def test_installed_and_generated_code_is_not_the_applications() -> None:
    assert is_application(VIEW)
    assert not is_application(Frame("/v/lib/python3.12/site-packages/PIL/Image.py", 1, "f"))
    assert not is_application(Frame("/usr/lib/python3/dist-packages/six.py", 1, "f"))
    assert not is_application(Frame("/usr/lib/python3.11/json/decoder.py", 1, "f"))
    assert not is_application(Frame("<frozen importlib._bootstrap>", 1, "f"))


def test_the_library_is_the_innermost_frame() -> None:
    json = Frame("/usr/lib/python3.11/json/decoder.py", 337, "decode")
    library = library_of((json, VIEW), {"python": "3.11.7"})
    assert library is not None
    assert (library.package, library.version, library.file) == ("python", "3.11.7", "json/decoder.py")
    assert library_of((VIEW,), {}) is None
    assert innermost_application((json, VIEW)) == VIEW


@given(st.integers(1, 10_000), st.sampled_from(["/srv/a/shop/views.py", "/home/me/work/shop/views.py"]))
def test_fingerprints_survive_line_shifts_and_machines(line: int, file: str) -> None:
    edges = ["shop.views", "._SEEN", "[17]"]
    expected = fingerprint([*edges[:2], "[*]"], "bytes", "native", Site("/x/shop/views.py", 1, "upload"))
    assert fingerprint(edges, "bytes", "native", Site(file, line, "upload")) == expected
    assert len(expected) == 16


def test_fingerprints_tell_bugs_apart() -> None:
    site = Site("/x/shop/views.py", 1, "upload")
    prints = {
        fingerprint(["shop.views", "._SEEN"], "bytes", "native", site),
        fingerprint(["shop.views", "._KEPT"], "bytes", "native", site),
        fingerprint(["shop.views", "._SEEN"], "str", "native", site),
        fingerprint(["shop.views", "._SEEN"], "bytes", "native", replace(site, function="other")),
    }
    assert len(prints) == 4


def test_files_lose_what_differs_between_machines() -> None:
    assert relative_file("/a/b/c/views.py") == "c/views.py"
    assert relative_file("/v/lib/python3.12/site-packages/PIL/Image.py") == "PIL/Image.py"


def test_files_are_named_as_from_where_leakhunt_was_run() -> None:
    here = {"directory": "/srv/app"}
    assert short_file("/srv/app/shop/views.py", here) == "shop/views.py"
    assert short_file("/srv/app/.venv/lib/python3.12/site-packages/PIL/Image.py", here) == "PIL/Image.py"
    assert short_file("/srv/application/views.py", here) is None
    assert short_file("/srv/app/views.py", {}) is None
