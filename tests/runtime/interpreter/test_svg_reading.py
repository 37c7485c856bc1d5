import numpy as np
import pytest
from drawn import draw, face

from sfx.errors import InputError
from sfx.runtime.interpreter import Sketch, read_drawing
from sfx.runtime.interpreter.svg_reading import read_svg

PATH = '<path d="M10 10L90 90" stroke="black"/>'


def svg(body: str, attributes: str = 'viewBox="0 0 256 256"') -> bytes:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f"{attributes}>{body}</svg>"
    ).encode()


def read(body: str, attributes: str = 'viewBox="0 0 256 256"') -> Sketch:
    return read_svg(svg(body, attributes), "test.svg")


def bounds(sketch: Sketch) -> list[float]:
    points = np.concatenate([stroke.points for stroke in sketch.strokes])
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def lined(body: str) -> str:
    return f'<g fill="none" stroke="black">{body}</g>'


@pytest.mark.parametrize(
    ("shape", "closed", "expected"),
    [
        ('<line x1="20" y1="30" x2="200" y2="90"/>', False, [20, 30, 200, 90]),
        ('<polyline points="20,30 60,90 100,30"/>', False, [20, 30, 100, 90]),
        ('<polygon points="20,30 60,90 100,30"/>', True, [20, 30, 100, 90]),
        ('<rect x="20" y="30" width="80" height="60"/>', True, [20, 30, 100, 90]),
        ('<rect x="20" y="30" width="80" height="60" rx="10"/>', True, [20, 30, 100, 90]),
        ('<circle cx="60" cy="70" r="40"/>', True, [20, 30, 100, 110]),
        ('<ellipse cx="60" cy="70" rx="40" ry="20"/>', True, [20, 50, 100, 90]),
        ('<path d="M20 30h80v60H20z"/>', True, [20, 30, 100, 90]),
        ('<path d="M20 30 C20 110 100 110 100 30"/>', False, [20, 30, 100, 90]),
        ('<path d="M20 30 Q60 150 100 30"/>', False, [20, 30, 100, 90]),
        ('<path d="M20 30 q20 60 40 0 t40 0"/>', False, [20, 0, 100, 60]),
        ('<path d="M20 70 A40 40 0 0 1 100 70"/>', False, [20, 30, 100, 70]),
        ('<path d="M20,70a40,40,0,1,1,80,0a40,40,0,1,1,-80,0"/>', True, [20, 30, 100, 110]),
    ],
)
def test_every_shape_becomes_the_stroke_it_draws(shape, closed, expected):
    sketch = read(lined(shape))
    assert len(sketch.strokes) == 1
    assert sketch.strokes[0].closed is closed
    np.testing.assert_allclose(bounds(sketch), expected, atol=0.1)
    steps = np.diff(sketch.strokes[0].path, axis=0)
    assert np.hypot(*steps.T).max() < 2


def test_subpaths_are_strokes_of_their_own():
    sketch = read(lined('<path d="M10 10L50 50 M60 60L90 60L90 90z l5 5"/>'))
    assert [stroke.closed for stroke in sketch.strokes] == [False, True, False]


def test_points_of_a_polyline_are_kept():
    given = np.array([[10.0, 10.0], [11.0, 10.5], [30.0, 12.0], [30.5, 13.0]])
    text = " ".join(f"{x},{y}" for x, y in given)
    points = read(lined(f'<polyline points="{text}"/>')).strokes[0].points
    distances = np.hypot(*(points[:, None] - given[None]).transpose(2, 0, 1))
    assert distances.min(axis=0).max() < 1e-4


def test_transforms_of_nested_groups_multiply():
    sketch = read(
        '<g transform="translate(100 50)"><g transform="rotate(90)"><g transform="scale(2 3)">'
        + lined('<line x1="0" y1="0" x2="10" y2="-10"/>')
        + "</g></g></g>"
    )
    np.testing.assert_allclose(bounds(sketch), [100, 50, 130, 70], atol=1e-3)


def test_use_repeats_a_shape_and_a_symbol_shows_only_where_it_is_used():
    sketch = read(
        lined('<defs><path id="p" d="M0 0L40 40"/></defs><use href="#p" x="20" y="30"/>')
        + lined('<g transform="translate(100,100) scale(2)"><use xlink:href="#p"/></g>')
        + lined('<symbol id="s"><circle r="10"/></symbol>')
    )
    assert [bounds(Sketch((stroke,), sketch.placement)) for stroke in sketch.strokes] == [
        pytest.approx([20, 30, 60, 70]),
        pytest.approx([100, 100, 180, 180]),
    ]


def test_the_view_box_is_fitted_and_centred():
    line = lined('<line x1="10" y1="0" x2="110" y2="50"/>')
    wide = read(line, 'viewBox="10 0 100 50" width="400" height="200"')
    np.testing.assert_allclose(bounds(wide), [0, 64, 256, 192], atol=1e-3)
    np.testing.assert_allclose(
        wide.placement.to_canvas(np.array([[0, 0], [400, 200]])), [[0, 64], [256, 192]]
    )


def test_preserve_aspect_ratio_places_the_view_box():
    line = lined('<line x1="0" y1="0" x2="100" y2="50"/>')
    for value, expected in (
        ("xMinYMin meet", [0, 0, 256, 128]),
        ("xMidYMax meet", [0, 128, 256, 256]),
        ("none", [0, 0, 256, 256]),
    ):
        sketch = read(line, f'viewBox="0 0 100 50" width="300" height="300" preserveAspectRatio="{value}"')
        np.testing.assert_allclose(bounds(sketch), expected, atol=0.01)


def test_without_a_page_the_drawing_fills_the_canvas_with_a_margin():
    left, top, right, bottom = bounds(read(lined('<path d="M500 500L700 900L900 500"/>'), ""))
    assert 5 < left < 20
    assert right == pytest.approx(256 - left, abs=0.01)
    assert top == pytest.approx(256 - bottom, abs=0.01)


@pytest.mark.parametrize(
    "hidden",
    [
        '<g display="none"><path d="M0 0L9 9" stroke="red"/></g>',
        '<path style="display:none" d="M0 0L9 9" stroke="red"/>',
        '<path visibility="hidden" d="M0 0L9 9" stroke="red"/>',
        '<path opacity="0" d="M0 0L9 9" stroke="red"/>',
        '<path d="M0 0L9 9" stroke="red" stroke-opacity="0" fill="none"/>',
        '<path d="M0 0L9 9" stroke="none" fill="none"/>',
        '<path d="M0 0L99 9L9 99" stroke="white" fill="none"/>',
        '<style>.a{display:none}</style><path class="a" d="M0 0L9 9" stroke="red"/>',
        '<marker id="m"><path d="M0 0L9 9" stroke="red"/></marker>',
        '<clipPath id="c"><rect width="50" height="90"/></clipPath>',
        '<mask id="m"><rect width="50" height="90"/></mask>',
        "<text>words</text>",
    ],
)
def test_what_cannot_be_seen_is_no_stroke(hidden):
    sketch = read(hidden + lined('<path d="M100 100L200 200"/>'))
    assert len(sketch.strokes) == 1
    np.testing.assert_allclose(bounds(sketch), [100, 100, 200, 200], atol=1e-3)


def test_a_filled_line_is_traced_along_its_middle():
    sketch = read('<polygon points="20,100 200,100 200,106 20,106"/>')
    assert len(sketch.strokes) == 1
    left, top, right, bottom = bounds(sketch)
    assert [left, right] == pytest.approx([20, 200], abs=4)
    assert [top, bottom] == pytest.approx([103, 103], abs=0.6)


def test_a_wide_filled_shape_is_its_outline_and_keeps_its_label():
    sketch = read('<g id="hair"><circle cx="128" cy="100" r="60"/></g>')
    assert {stroke.label for stroke in sketch.strokes} == {15}
    radii = np.hypot(*(np.concatenate([s.points for s in sketch.strokes]) - [128, 100]).T)
    assert 57 < radii.min() <= radii.max() < 60.5


def test_a_hole_in_a_filled_shape_is_left_open():
    ring = "M20 20H220V220H20z M30 30V210H210V30z"
    sketch = read(f'<path d="{ring}" fill-rule="nonzero"/>')
    assert not sketch.mask(256)[60:190, 60:190].any()


def test_a_dark_page_shows_light_lines_and_hides_dark_ones():
    sketch = read(
        '<rect width="256" height="256" fill="#111"/><path d="M50 50L70 90" stroke="white"/>'
        '<path d="M100 50L170 90" stroke="#121212"/>'
    )
    np.testing.assert_allclose(bounds(sketch), [50, 50, 70, 90], atol=1e-3)


def test_white_lines_alone_are_meant_for_a_dark_page():
    assert len(read('<path d="M50 50L70 90" stroke="white" fill="none"/>').strokes) == 1


def test_lines_that_leave_the_page_are_cut_there():
    sketch = read(lined('<line x1="-100" y1="50" x2="400" y2="50"/>'))
    np.testing.assert_allclose(bounds(sketch), [0, 50, 256, 50], atol=1.5)


def test_an_svg_gives_the_strokes_of_the_picture_it_draws():
    lines = "".join(
        '<polyline points="{}"/>'.format(" ".join(f"{x:.2f},{y:.2f}" for x, y in path)) for path in face()
    )
    vector, traced = read(lined(lines)), read_drawing(draw(face(), 512, 2))
    assert len(vector.strokes) == len(face())
    both = vector.mask(512, 1), traced.mask(512, 1)
    for one, other in (both, both[::-1]):
        near = np.pad(other, 2)
        near = np.any(
            [near[2 + dy : 514 + dy, 2 + dx : 514 + dx] for dy in range(-2, 3) for dx in range(-2, 3)], axis=0
        )
        assert near[one].mean() > 0.99


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<script>alert(1)</script>" + PATH, "<script>"),
        ('<path onclick="x()" d="M0 0L9 9" stroke="red"/>', "onclick"),
        ('<a href="javascript:x()">' + PATH + "</a>", "scripts"),
        ('<image href="http://example.com/y.png"/>' + PATH, "example.com"),
        ('<use xlink:href="file:///etc/passwd#x"/>' + PATH, "passwd"),
        ('<use href="other.svg#x"/>' + PATH, "other.svg"),
        ('<style>@import "x.css";</style>' + PATH, "style sheet"),
        ('<path style="fill:url(http://example.com/#a)" d="M0 0L9 9"/>', "example.com"),
        ('<g id="a"><use href="#a"/></g>' + PATH, "circular"),
        ("<g>" * 500 + PATH + "</g>" * 500, "deep"),
        ("<text>words only</text>", "no path"),
        ('<image href="data:image/png;base64,AAAA"/>', "no path"),
        ("", "no path"),
    ],
)
def test_an_unsafe_or_empty_document_is_refused_in_one_line(body, found):
    with pytest.raises(InputError, match=found) as error:
        read(body)
    assert str(error.value).startswith("test.svg: expected ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE svg [<!ENTITY x "y">]>',
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE svg SYSTEM "http://example.com/x.dtd">',
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" [<!ENTITY x "y">]>',
    ],
)
def test_entities_and_foreign_dtds_are_refused(prolog):
    with pytest.raises(InputError, match="DTD"):
        read_svg(prolog.encode() + svg(PATH), "test.svg")


def test_the_bare_doctype_of_older_programs_is_read():
    doctype = (
        b'<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
        b'"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    )
    assert len(read_svg(doctype + svg(PATH), "test.svg").strokes) == 1


def test_a_document_that_multiplies_itself_is_refused():
    levels = "".join(f'<g id="a{i + 1}">' + f'<use href="#a{i}"/>' * 10 + "</g>" for i in range(8))
    with pytest.raises(InputError, match="at most 50000 shapes"):
        read(f'<g id="a0">{PATH}</g>{levels}')


def test_too_many_strokes_points_and_bytes_are_refused():
    with pytest.raises(InputError, match="20000 strokes"):
        read(lined('<path d="M1 1h9"/>' * 20_001))
    with pytest.raises(InputError, match="300000 points"):
        read(lined('<path d="M0 0' + "h1h-1" * 150_001 + '"/>'))
    with pytest.raises(InputError, match="at most 8 MB"):
        read("<!--" + "x" * 8 * 2**20 + "-->")


@pytest.mark.parametrize(
    "data",
    [
        b"<svg",
        b"<html/>",
        b"<svg viewBox='0 0 1 1'>&y;</svg>",
        svg(PATH, 'viewBox="0 0 0 0"'),
        svg(PATH, 'width="-5" height="8"'),
    ],
)
def test_damaged_documents_are_refused(data):
    with pytest.raises(InputError, match=r"test\.svg: expected"):
        read_svg(data, "test.svg")
