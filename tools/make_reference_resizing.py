#!/usr/bin/env python3
"""Makes testdata/reference/resizing: a picture, and its pixels after Pillow resized it to several sizes, and after
torchvision's preprocessing of it, whose geometry is repeated here.

Made with Pillow 13.0.0 and NumPy 2.4.6:

    pip install pillow==13.0.0 numpy==2.4.6
    tools/make_reference_resizing.py
"""

from pathlib import Path

import numpy
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "testdata" / "reference" / "resizing"
# Height and width: smaller, much smaller, wider and flatter, larger.
SIZES = [(40, 53), (7, 9), (30, 90), (75, 100)]
# What is said of a network: the length of the shorter side, and the side of the crop.
PREPROCESSING = [(40, 32), (33, 28)]


def picture():
    """Waves with edges and some noise, 60 × 80 in colour: smooth parts, sharp parts, and pixels at 0 and 255."""
    rows, columns = numpy.mgrid[0:60, 0:80]
    waves = [numpy.sin(rows / 5 + columns / 9 + phase) for phase in (0, 1, 2)]
    pixels = 128 + 110 * numpy.stack(waves, axis=-1)
    pixels[20:35, 10:40] = 255 - pixels[20:35, 10:40]
    pixels += numpy.random.default_rng(7).normal(0, 20, pixels.shape)
    return Image.fromarray(pixels.round().clip(0, 255).astype(numpy.uint8))


def resized(image, height, width):
    return image.resize((width, height), Image.Resampling.BILINEAR)


def preprocessed(image, side, crop):
    """torchvision 0.20: transforms.Resize(side), transforms.CenterCrop(crop) of a PIL image."""
    width, height = image.size
    short, long = sorted((width, height))
    longer = int(side * long / short)
    image = resized(image, *((longer, side) if width <= height else (side, longer)))
    top = int(round((image.size[1] - crop) / 2.0))
    left = int(round((image.size[0] - crop) / 2.0))
    return image.crop((left, top, left + crop, top + crop))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    image = picture()
    image.save(FOLDER / "picture.png")
    for height, width in SIZES:
        resized(image, height, width).save(FOLDER / f"resized_{height}x{width}.png")
    for side, crop in PREPROCESSING:
        preprocessed(image, side, crop).save(FOLDER / f"preprocessed_{side}_{crop}.png")


if __name__ == "__main__":
    main()
