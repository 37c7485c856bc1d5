"""The loss, and accuracy by pixel: exact classes, and the families of classes that are one thing to a person."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sfx.export.interpreter.network import CLASSES
from sfx.labels import FAMILIES

EXACT_SHARE = 0.35
"""Weight of the exact class beside its family, which people can tell and results are judged by."""
RAREST, COMMONEST = 4.0, 0.5
"""Bounds of a class's weight; earrings have a hundredth of the pixels of hair."""


def family_table() -> Tensor:
    """int64 (23,): the family of each class; background has one of its own, the last."""
    table = torch.full((CLASSES,), len(FAMILIES), dtype=torch.int64)
    for index, family in enumerate(FAMILIES):
        for label in family:
            if label < CLASSES:
                table[label] = index
    return table


def class_weights(labels: Tensor) -> Tensor:
    """float32 (23,) for the loss, from a sample of labels (P,): rare classes count for more."""
    share = torch.bincount(labels, minlength=CLASSES).float() / len(labels)
    weights = (share.clamp(min=1e-5) / 0.05) ** -0.4
    return weights.clamp(COMMONEST, RAREST)


def family_scores(scores: Tensor, table: Tensor) -> Tensor:
    """Logits (P, 23) -> log-probabilities (P, families + 1)."""
    probabilities = F.softmax(scores, 1)
    summed = torch.zeros((len(scores), len(FAMILIES) + 1), dtype=scores.dtype)
    return summed.index_add(1, table, probabilities).clamp(min=1e-6).log()


def loss_of(scores: Tensor, labels: Tensor, drawing: Tensor, weights: Tensor, table: Tensor) -> Tensor:
    """Mean loss of logits (P, 23): every drawing counts by the root of its ink, every class by its weight."""
    ink = torch.bincount(drawing).float().clamp(min=1)[drawing]
    weight = weights[labels] * ink.rsqrt()
    exact = F.cross_entropy(scores, labels, reduction="none")
    family = F.nll_loss(family_scores(scores, table), table[labels], reduction="none")
    return (weight * (EXACT_SHARE * exact + family)).sum() / weight.sum()


def accuracy(scores: Tensor, labels: Tensor, table: Tensor) -> tuple[float, float]:
    """Share of pixels whose family, and whose class, has the highest score."""
    found = scores[:, 1:].argmax(1) + 1
    family = family_scores(scores, table)[:, :-1].argmax(1)
    return float((family == table[labels]).float().mean()), float((found == labels).float().mean())
