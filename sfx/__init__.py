"""sfx: a semantic sketch and a photo in, a face out, at drawing speed."""
