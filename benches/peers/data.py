"""What all sides are given: the digits and the LeNet that are inside `lots`."""

import gzip
import pathlib

import numpy as np
import onnx
import onnx.numpy_helper

ASSETS = pathlib.Path(__file__).resolve().parent.parent.parent / "crates" / "lots" / "assets"
LENET = ASSETS / "lenet.onnx"


def images(name):
    """The pixels of an IDX file, uint8 (images, 1, 28, 28)."""
    packed = (ASSETS / f"{name}-images-idx3-ubyte.gz").read_bytes()
    return np.frombuffer(gzip.decompress(packed), np.uint8, offset=16).reshape(-1, 1, 28, 28)


def labels(name):
    """The labels of an IDX file, int64 (images,)."""
    packed = (ASSETS / f"{name}-labels-idx1-ubyte.gz").read_bytes()
    return np.frombuffer(gzip.decompress(packed), np.uint8, offset=8).astype(np.int64)


def weights(path=LENET):
    """Name -> array of the weights in an ONNX file."""
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def read_digits(logits):
    """Which digits the network reads as their label says: only those are attacked."""
    return np.argmax(logits, axis=1) == labels("digits")
