"""Measuring latency, memory and peers, and reporting what was measured."""
