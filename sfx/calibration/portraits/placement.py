"""From the head's own frame (frontal, axis at x = 0) to the canvas: turning, nodding, tilting, moving."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfx.calibration.portraits.curve_tools import Points, smoothstep
from sfx.calibration.portraits.geometry import Geometry

_YAW_REACH = 19.0
"""Units that the front of the face moves sideways at yaw 1."""
_PITCH_REACH = 9.0
"""Units that the front of the face moves down at pitch 1."""
_PIVOT_Y = 150.0
CENTRE_X = 128.0


@dataclass(frozen=True)
class Placement:
    """Places points of the head on the canvas.

    Depth is how far in front of the silhouette a point lies: 0 on the outline of the skull, 1 at the
    middle of the face, more at the tip of the nose, negative behind. Depth turns yaw and pitch into shifts.
    """

    geometry: Geometry

    def project(self, points: ArrayLike, depth: float | NDArray[np.float64] = 0.0) -> Points:
        """Points of the head's frame, (n, 2), on the canvas."""
        pose = self.geometry.pose
        head_points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        x = head_points[:, 0] + pose.yaw * _YAW_REACH * (depth - 0.12)
        y = head_points[:, 1] + pose.pitch * _PITCH_REACH * (depth - 0.35)
        angle = math.radians(pose.tilt)
        cosine, sine = pose.scale * math.cos(angle), pose.scale * math.sin(angle)
        y = y - _PIVOT_Y
        return np.stack(
            [
                x * cosine - y * sine + CENTRE_X + pose.shift_x,
                x * sine + y * cosine + _PIVOT_Y + pose.shift_y,
            ],
            axis=1,
        )

    def on_face(self, points: ArrayLike, lift: float | NDArray[np.float64] = 0.0) -> Points:
        """Points on the front of the face; `lift` raises them above it, as for the nose."""
        return self.project(points, self.face_depth(points) + lift)

    def face_depth(self, points: ArrayLike) -> NDArray[np.float64]:
        """Depth of the face's surface at points of the head's frame: a cylinder as wide as the cheeks."""
        x = np.asarray(points, dtype=np.float64).reshape(-1, 2)[:, 0] / self.geometry.head.half_width
        return np.sqrt(np.maximum(1.0 - np.minimum(x * x, 1.0), 0.02))

    def on_outline(self, points: ArrayLike) -> Points:
        """Points of the face's outline: the chin lies in front, the skull on the silhouette."""
        head = self.geometry.head
        array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        inward = 1.0 - np.minimum(np.abs(array[:, 0]) / head.half_width, 1.0) ** 2
        return self.project(array, 0.7 * smoothstep(140.0, head.chin, array[:, 1]) * inward)

    def upright(self, points: ArrayLike) -> Points:
        """Points of the body, which follows the head's place and half of its tilt but not its turning."""
        pose = self.geometry.pose
        array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        lean = math.radians(pose.tilt) * 0.5
        below = array[:, 1] - _PIVOT_Y
        x = array[:, 0] - below * math.sin(lean) * smoothstep(330.0, 200.0, array[:, 1])
        return np.stack(
            [
                x * pose.scale + CENTRE_X + pose.shift_x + pose.yaw * 2.0,
                below * pose.scale + _PIVOT_Y + pose.shift_y,
            ],
            axis=1,
        )
