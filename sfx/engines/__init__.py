"""The bundle on disk, and one file per backend that runs an engine. No torch here."""
