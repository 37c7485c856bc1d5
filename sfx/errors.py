"""Everything sfx raises on purpose.

SfxError                    one clear line for a person; the command line exits with 1
├── CheckpointError         the checkpoint cannot be read, or is not a model that sfx exports
├── BundleError             the bundle is damaged, foreign, or its manifest does not hold
├── ParityError             an exported graph does not compute what the original computes
├── BudgetError             lower precision costs more of the picture than it was allowed to
├── EngineError             a backend cannot load or run a graph; a feed has the wrong shape
│   └── MissingPackageError an optional package is not installed
└── InputError              a sketch, a picture or an option value that cannot be used
"""

from __future__ import annotations


class SfxError(Exception):
    """Base of all errors that sfx raises on purpose; `str(error)` is one line for a person."""


class CheckpointError(SfxError):
    """The checkpoint cannot be read, or holds something other than an SPSE model."""


class BundleError(SfxError):
    """The bundle is damaged, foreign, incomplete, or a path in it leads outside."""


class ParityError(SfxError):
    """An exported graph differs from the original by more than its tolerance, is flat, or holds NaN."""


class BudgetError(SfxError):
    """Lower precision costs more of the picture than it was allowed to; says by how much."""


class EngineError(SfxError):
    """A backend cannot load or run a graph, or a feed does not fit the graph's inputs."""


class MissingPackageError(EngineError):
    """An optional package is needed for what was asked, and is not installed."""


class InputError(SfxError):
    """A sketch, picture, folder or option value cannot be used; names it, with expected and found."""
