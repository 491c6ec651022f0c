"""`leakhunt compare` on two runs of a real app, before and after its leaks were mended, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from integration.command_line import EXAMPLES, CommandLine, command_line

SHOP = EXAMPLES / "bare_wsgi"
SEARCH, WINDOW = "GET /search", "GET /"
PROFILE = (
    *("shop:application", "--chdir", str(SHOP), "--request", "GET /search?q={n}", "--request", "GET /"),
    *("--seed", "7", "--no-peaks", "--budget-time", "20"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A command line beside the runs `leaky` and `clean` of the shop, recorded once."""
    with command_line(tmp_path_factory.mktemp("shops")) as leakhunt:
        for variant, verdict in (("leaky", 1), ("clean", 0)):
            done = leakhunt.profile(*PROFILE, "--env", f"SHOP_VARIANT={variant}", run=variant, timeout=300)
            assert done.code == verdict, done.err
        yield leakhunt


def compared(shop: CommandLine, before: str, after: str, *options: str) -> tuple[int, Any]:
    """Exit code and JSON."""
    document = shop.output / f"{before}-{after}.json"
    done = shop("compare", str(shop.output / before), str(shop.output / after), "--json", str(document), *options)
    done.has_no_traceback()
    found = json.loads(document.read_text())
    schema = json.loads(resources.files("leakhunt.reports").joinpath("templates/compare.schema.json").read_text())
    jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)
    return done.code, found


def test_the_mended_shop_is_fixed_route_by_route_and_suspect_by_suspect(shop: CommandLine) -> None:
    code, found = compared(shop, "leaky", "clean")
    assert (code, found["change"], found["regression"]) == (0, "fixed", False)
    changes = {route["route"]: route["change"] for route in found["routes"]}
    assert changes == {SEARCH: "fixed", WINDOW: "same"}
    search = next(route for route in found["routes"] if route["route"] == SEARCH)
    (memory,) = search["rates"]
    assert 4_000 < memory["before"] < 10_000  # about 6 000 bytes: examples/bare_wsgi/README.md
    assert memory["after_interval"][1] < memory["budget"]
    assert memory["difference_interval"][1] < 0
    assert {suspect["state"] for suspect in found["suspects"]} == {"fixed"}
    assert any(suspect["line"].endswith("shop.py:35") for suspect in found["suspects"])


def test_the_answers_of_both_runs_are_told(shop: CommandLine) -> None:
    _, found = compared(shop, "leaky", "clean")
    summary = {row["name"]: row for row in found["summary"]}
    assert summary["expected"]["before"] == summary["expected"]["after"] == 1
    for name in ("response", "throughput", "rss-start", "rss-end", "rss-most"):
        assert summary[name]["before"] > 0
        assert summary[name]["after"] > 0
    assert summary["rss-end"]["before"] > summary["rss-end"]["after"]
    for route in found["routes"]:
        assert 0 < route["median_s"]["before"] <= route["slow_s"]["before"]


def test_the_other_way_round_it_is_a_new_leak(shop: CommandLine) -> None:
    code, found = compared(shop, "clean", "leaky")
    assert (code, found["change"], found["regression"]) == (1, "new leak", True)
    assert {suspect["state"] for suspect in found["suspects"]} == {"new"}
    assert "order" in [caveat["code"] for caveat in found["caveats"]]


def test_page_and_markdown_are_written_and_the_summary_is_shown(shop: CommandLine, tmp_path: Path) -> None:
    page, text = tmp_path / "found.html", tmp_path / "found.md"
    runs = (str(shop.output / "leaky"), str(shop.output / "clean"))
    done = shop("compare", *runs, "--html", str(page), "--markdown", str(text))
    assert done.out.startswith("FIXED  ")
    assert page.read_text().count("<svg") == 2
    assert text.read_text().startswith("# FIXED: shop\n")


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_the_answer_comes_last(shop: CommandLine, columns: int) -> None:
    lines = shop.on_a_terminal("compare", str(shop.output / "leaky"), str(shop.output / "clean"), columns=columns)
    assert any(line.startswith("FIXED  ") for line in lines[-12:])
    assert any(line.startswith("Verdict") and "LEAK" in line and "CLEAN" in line for line in lines)
