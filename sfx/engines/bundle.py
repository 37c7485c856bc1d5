"""A bundle on disk: opened, checked, and asked for its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sfx.engines.manifest import BundleFile, Manifest
from sfx.engines.manifest_reading import read_manifest
from sfx.errors import BundleError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A directory that holds `manifest.json` and every file that it names, at its right size."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Open the bundle at `path`: the manifest is read, and every file's presence and size is checked.

        Checksums cost a second a gigabyte, so they are taken when a file is first read (`checked`) and by
        `sfx verify`. Raises BundleError.
        """
        bundle = cls(path, read_manifest(path))
        bundle.expect_files()
        return bundle

    def expect_files(self) -> None:
        """Raise BundleError unless every file is there, at its right size."""
        for file in self.manifest.files():
            self._locate(file)

    def checked(self, file: BundleFile) -> Path:
        """The path of `file`, once its SHA-256 is found to be the manifest's. Raises BundleError."""
        path = self._locate(file)
        found = sha256(path)
        if found != file.sha256:
            raise BundleError(
                f"{path}: expected SHA-256 {file.sha256[:16]}..., found {found[:16]}...; it was changed or damaged"
            )
        return path

    def _locate(self, file: BundleFile) -> Path:
        path = self.path / file.path
        # The manifest's paths are free of '..'; a link inside the bundle could still lead out of it.
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise BundleError(f"{path}: expected a file inside the bundle, found a link to {path.resolve()}")
        if not path.is_file():
            raise BundleError(f"{path}: expected a file of {file.bytes} bytes, found none")
        if path.stat().st_size != file.bytes:
            raise BundleError(
                f"{path}: expected {file.bytes} bytes, found {path.stat().st_size}; the file is cut or damaged"
            )
        return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
