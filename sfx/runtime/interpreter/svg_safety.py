"""Parsing an SVG that may be hostile: to the few elements that draw lines, or a refusal."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException, DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser

from sfx.errors import InputError

MAX_FILE_BYTES = 8 * 2**20
MAX_ELEMENTS = 50_000
"""Elements drawn, with everything that `use` repeats: a dense drawing has some thousand."""
MAX_NESTING = 100

DRAWING = frozenset(
    {"svg", "g", "defs", "use", "style", "path", "line", "polyline", "polygon", "rect", "circle", "ellipse"}
)
"""Elements that are kept: text, pictures, masks, markers and a program's own data draw no strokes."""

_URL = re.compile(r"url\(\s*['\"]?\s*(?!#|data:)", re.IGNORECASE)
_PLAIN_DOCTYPE = "-//W3C//DTD SVG"


class _Parser(DefusedXMLParser):  # type: ignore[misc]  # defusedxml ships no types
    """Refuses every DTD but the bare line older drawing programs write, which declares nothing itself."""

    def defused_start_doctype_decl(
        self, name: str, sysid: str | None, pubid: str | None, has_internal_subset: bool
    ) -> None:
        if has_internal_subset or not (pubid or "").startswith(_PLAIN_DOCTYPE):
            raise DTDForbidden(name, sysid, pubid)


def parse_safely(data: bytes, name: str) -> Element:
    """Parse an SVG document and drop all that does not draw lines. Nothing it refers to is ever fetched.

    Raises InputError, naming `name`, for what is not SVG, is too large or too deep, declares entities or a
    DTD, or holds scripts or references to anything outside the document.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"{name}: expected an SVG of at most {MAX_FILE_BYTES // 2**20} MB, "
            f"found {len(data) / 2**20:.0f} MB"
        )
    parser = _Parser(forbid_dtd=True)
    try:
        parser.feed(data)
        root: Element = parser.close()
    except DefusedXmlException as error:
        found = "a DTD" if isinstance(error, DTDForbidden) else "an entity or external reference"
        raise InputError(f"{name}: expected an SVG without DTD and entities, found {found}") from error
    except (ParseError, ValueError, LookupError) as error:
        # An unknown encoding is a LookupError or ValueError.
        raise InputError(f"{name}: expected an SVG document, found damaged XML ({error})") from error
    if _local_name(root) != "svg":
        raise InputError(f"{name}: expected an SVG document, found <{_local_name(root)}>")
    elements = _elements(root, name)
    for element in elements:
        _refuse_active_content(element, name)
    _keep_drawing(elements)
    _check_expansion(root, name)
    return root


def _local_name(element: Element) -> str:
    # Comments and processing instructions have a function where elements have a tag.
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def _refuse_active_content(element: Element, name: str) -> None:
    tag = _local_name(element)
    if tag == "script":
        raise InputError(f"{name}: expected a drawing without scripts, found a <script>")
    if tag == "style" and ("@import" in (element.text or "") or _URL.search(element.text or "")):
        raise InputError(
            f"{name}: expected a drawing that stands alone, found a style sheet that loads another file"
        )
    for attribute, value in element.attrib.items():
        key = attribute.rsplit("}", 1)[-1].lower()
        if key.startswith("on") or value.strip().lower().startswith("javascript:"):
            raise InputError(f"{name}: expected a drawing without scripts, found {key} on <{tag}>")
        # A link to follow by hand, and what a program notes about the work, load nothing.
        loads = key == "href" and tag != "a" and not value.strip().startswith(("#", "data:"))
        if loads or _URL.search(value):
            raise InputError(
                f"{name}: expected a drawing that stands alone, found a reference to {value[:80]!r}"
            )


def _elements(root: Element, name: str) -> list[Element]:
    """All elements, outer ones first. Without recursion, which deep nesting would exhaust."""
    found: list[Element] = []
    level = [root]
    for _ in range(MAX_NESTING):
        found += level
        level = [child for element in level for child in element]
        if not level:
            return found
    raise InputError(f"{name}: expected groups at most {MAX_NESTING} deep, found deeper ones")


def _keep_drawing(elements: list[Element]) -> None:
    """Remove what draws no strokes, in place; put symbols where only `use` finds them."""
    namespace = elements[0].tag[: -len("svg")]
    for parent in elements:
        for position, child in enumerate(list(parent)):
            tag = _local_name(child)
            if tag == "symbol":
                child.tag = namespace + "g"
                hidden = parent.makeelement(namespace + "defs", {})
                hidden.append(child)
                parent[position] = hidden
            elif tag in ("a", "switch"):
                child.tag = namespace + "g"
        for child in list(parent):
            if _local_name(child) not in DRAWING:
                parent.remove(child)


def _check_expansion(root: Element, name: str) -> None:
    """Refuse a document that grows without bounds where `use` repeats its parts."""
    by_id = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    sizes: dict[int, int] = {}

    def size(element: Element, depth: int) -> int:
        if depth > MAX_NESTING:
            raise InputError(
                f"{name}: expected `use` at most {MAX_NESTING} deep, found deeper or circular ones"
            )
        known = sizes.get(id(element))
        if known is None:
            known = 1 + sum(size(child, depth + 1) for child in element)
            if _local_name(element) == "use":
                hrefs = [v for k, v in element.attrib.items() if k.rsplit("}", 1)[-1] == "href"]
                target = by_id.get(hrefs[-1][1:]) if hrefs else None
                if target is not None:
                    known += size(target, depth + 1)
            sizes[id(element)] = known
        return known

    if size(root, 0) > MAX_ELEMENTS:
        raise InputError(f"{name}: expected at most {MAX_ELEMENTS} shapes, found {size(root, 0)}")
