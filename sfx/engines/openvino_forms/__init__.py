"""Other forms of a graph's operators that compute the same in fewer multiplications on OpenVINO's CPU plugin."""

from __future__ import annotations

from sfx.engines.openvino_forms.rewriting import FORMS_VERSION, forms_pay, rewrite

__all__ = ["FORMS_VERSION", "forms_pay", "rewrite"]
