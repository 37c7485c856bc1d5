"""Training the sketch interpreter's network on labelled strokes of drawn portraits.

Run as `python -m sfx.export.interpreter draw|train|finish`. Needs `sfx[export,portraits]`.
"""
