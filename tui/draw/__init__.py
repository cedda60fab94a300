"""Numbers to characters: braille canvas, axes, runs of colour. Knows no widget."""
