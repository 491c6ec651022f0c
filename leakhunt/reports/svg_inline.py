"""SVG that lives inside the HTML report: no style attributes, since the page forbids them, and the page's colours."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET  # reads only what matplotlib has just drawn for us

from leakhunt.reports.palette import CSS_VARIABLES

_SVG: Final = "{http://www.w3.org/2000/svg}"
_LEFT_TO_THE_PAGE: Final = {"font-family", "width", "height"}


def inline(svg: str, *, title: str, id_prefix: str) -> str:
    """The chart as an element of the page: announced by its title, as wide as there is room.

    `id_prefix` keeps the ids of several charts in one page apart.
    """
    root = ET.fromstring(svg)  # noqa: S314  # as above
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag.endswith(("metadata", "style"))]:
            parent.remove(child)
    for element in root.iter():
        _follow_the_page(element, id_prefix)
        element.tag = element.tag.removeprefix(_SVG)
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("stroke-linejoin", "round")
    return ET.tostring(root, encoding="unicode")


def _follow_the_page(element: ET.Element, id_prefix: str) -> None:
    attributes = dict(element.attrib)
    for declaration in attributes.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if value:
            attributes[name.strip()] = value.strip()
    element.attrib.clear()
    for name, value in attributes.items():
        if name not in _LEFT_TO_THE_PAGE or element.tag == f"{_SVG}rect":
            element.set(_without_namespace(name), _renamed(_in_css(value), id_prefix, name))


def _in_css(value: str) -> str:
    variable = CSS_VARIABLES.get(value)
    return value if variable is None else f"var({variable})"


def _renamed(value: str, id_prefix: str, name: str) -> str:
    if name == "id":
        return id_prefix + value
    return value.replace("url(#", f"url(#{id_prefix}") if "url(#" in value else _same_page(value, id_prefix, name)


def _same_page(value: str, id_prefix: str, name: str) -> str:
    return f"#{id_prefix}{value[1:]}" if name.endswith("href") and value.startswith("#") else value


def _without_namespace(name: str) -> str:
    return name.rpartition("}")[2]
