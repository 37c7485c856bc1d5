"""No torch: pictures in, pictures out."""
