#!/usr/bin/env python3
"""Makes testdata/reference/pictures: small pictures of many kinds, each with its pixels as Pillow reads them.

Made with Pillow 13.0.0 and NumPy 2.4.6:

    pip install pillow==13.0.0 numpy==2.4.6
    tools/make_reference_pictures.py
"""

from pathlib import Path

import numpy
from PIL import Image, ImageOps

FOLDER = Path(__file__).resolve().parent.parent / "testdata" / "reference" / "pictures"


def expected(path):
    """The pixels, (height, width) or (height, width, 3), after the rules of crates/lots/src/data/picture.rs."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode.startswith("I"):
        return numpy.round(numpy.asarray(picture) / 257.0).astype(numpy.uint8)
    mode = {"1": "L", "P": "RGB", "RGBA": "RGB", "CMYK": "RGB"}.get(picture.mode, picture.mode)
    pixels = numpy.asarray(picture.convert(mode))
    # Grey in a format that is read as colour.
    if path.suffix == ".bmp" and pixels.ndim == 2:
        pixels = numpy.stack([pixels] * 3, axis=-1)
    return numpy.ascontiguousarray(pixels)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    rows, columns = numpy.mgrid[0:12, 0:17]
    pixels = numpy.stack([columns * 14, rows * 20, (columns + rows) * 7], axis=-1).astype(numpy.uint8)
    colour = Image.fromarray(pixels)
    grey = colour.convert("L")
    sixteen_bits = Image.fromarray(pixels[..., 0].astype(numpy.uint16) * 256 + pixels[..., 1])
    upside = Image.Exif()
    upside[0x0112] = 6

    def save(picture, name, **options):
        picture.save(FOLDER / name, **options)

    save(colour, "baseline.jpg", quality=90)
    save(colour, "progressive.jpg", quality=90, progressive=True)
    save(colour, "restarts.jpg", quality=90, restart_marker_rows=1)
    save(colour, "turned.jpg", quality=95, exif=upside)
    save(colour.convert("CMYK"), "four_inks.jpg", quality=95)
    save(grey, "grey.jpg", quality=90)
    save(colour, "colour.png")
    save(colour.quantize(16), "palette.png")
    save(grey.convert("1"), "one_bit.png")
    save(sixteen_bits, "sixteen_bits.png")
    save(colour.convert("RGBA"), "opaque_alpha.png")
    save(colour, "turned.png", exif=upside)
    save(grey, "grey.bmp")
    save(colour.quantize(16), "palette.bmp")
    save(grey.convert("1"), "one_bit.pbm")
    save(colour, "lossy.webp", quality=80)
    save(colour, "lossless.webp", lossless=True)
    for path in sorted(FOLDER.iterdir()):
        numpy.save(path.with_name(path.name + ".npy"), expected(path))
    # These are refused.
    save(colour.quantize(16), "transparent_palette.png", transparency=3)
    save(colour, "animation.gif")


if __name__ == "__main__":
    main()
