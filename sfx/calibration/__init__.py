"""Drawn data that sfx makes itself: portraits, calibration sets, precision plans."""
