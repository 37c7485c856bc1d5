"""What building and naming OpenVINO's nodes takes in every form."""

from __future__ import annotations

from typing import Any

import numpy as np


def integers(*values: int) -> Any:
    """A constant int64 vector, as shapes, axes and orders are given."""
    from openvino import opset13 as ops

    return ops.constant(np.array(values, np.int64))


def name_of(output: Any) -> str:
    """A name that only this output has in its graph."""
    return f"{output.get_node().get_friendly_name()}:{output.get_index()}"
