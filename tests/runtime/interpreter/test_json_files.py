"""Foreign or damaged JSON is refused with the key's name."""

import json

import pytest

from sfx.errors import InputError
from sfx.runtime.interpreter.json_files import sketch_from_json

GOOD = {
    "schema": 1,
    "canvas": 256,
    "placement": {"scale": 0.5, "offset_x": 0.0, "offset_y": 0.0},
    "strokes": [{"label": 6, "confidence": 0.5, "closed": False, "points": [[1, 2], [3, 4]]}],
}


def test_the_least_that_a_stroke_needs():
    content = {**GOOD, "strokes": [{"points": [[1, 2], [3, 4]]}]}
    (stroke,) = sketch_from_json(json.dumps(content).encode(), "a.json").strokes
    assert (stroke.label, stroke.confidence, stroke.closed) == (None, None, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "expected strokes as JSON of schema 1, found 2"),
        ({"strokes": []}, "key 'strokes': expected a list of strokes"),
        ({"strokes": ["x"]}, r"key 'strokes\[0\]': expected an object, found str"),
        ({"placement": None}, "key 'placement': expected the numbers scale, offset_x, offset_y"),
        ({"label": "nose"}, r"key 'strokes\[0\].label': expected a class id or null, found 'nose'"),
        ({"label": 23}, r"key 'strokes\[0\]': stroke label: expected 1..22 or None, found 23"),
        ({"label": True}, "expected a class id or null, found True"),
        ({"confidence": "sure"}, "confidence': expected a number or null"),
        ({"confidence": 2.0}, "expected 0..1 or None, found 2.0"),
        ({"closed": 1}, "closed': expected true or false, found 1"),
        ({"points": [[1, 2]]}, "stroke points: expected shape"),
        ({"points": [[1, 2], [3]]}, r"points': expected a list of \[x, y\]"),
        ({"points": [["a", "b"], ["c", "d"]]}, r"points': expected a list of \[x, y\]"),
        ({"points": [[1, 2], [1e999, 3]]}, "expected finite numbers"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    content = json.loads(json.dumps(GOOD))
    if change.keys() & {"schema", "strokes", "placement"}:
        content.update(change)
    else:
        content["strokes"][0].update(change)
    with pytest.raises(InputError, match=f"a.json: .*{message}"):
        sketch_from_json(json.dumps(content).encode(), "a.json")


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b'{"schema": 1, "strokes": "\xff"}', b"[]"])
def test_damage_is_one_line(data):
    with pytest.raises(InputError, match=r"a\.json: expected strokes as JSON"):
        sketch_from_json(data, "a.json")
