#!/usr/bin/env python3
"""Writes testdata/reference/network/: what PyTorch computes with the weights of the embedded LeNet.

Representations of every layer, gradients to the pixels and the directions of Equations (3) and (4), of the fast
gradient and of hot/cold, all in float64, for a few of the embedded test digits. `crates/lots/tests/reference.rs`
compares them with this project's own engine.

Requirements: torch >= 1.13 (made with torch 2.15.0), onnx == 1.23.2, numpy == 2.4.6.
Usage: tools/make_reference_network.py   (from the root of the repository)
"""

import gzip
import hashlib
import json
import pathlib

import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as functional

ROOT = pathlib.Path(__file__).resolve().parent.parent
ASSETS = ROOT / "crates/lots/assets"
OUT = ROOT / "testdata/reference/network"
# A digit of each of four classes, and the target digit that each is steered toward.
ORIGINS = {4: 9, 3: 8, 7: 1, 0: 6}
LAYERS = ["conv1", "pool1", "conv2", "pool2", "ip1", "ip2"]


def idx(path):
    data = gzip.decompress(path.read_bytes())
    axes = data[3]
    shape = [int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def forward(weights, pixels):
    """All representations by name; `ip1` is behind its ReLU as in Caffe."""
    layers = {}
    x = pixels * 0.00390625
    x = layers["conv1"] = functional.conv2d(x, weights["conv1.weight"], weights["conv1.bias"])
    x = layers["pool1"] = functional.max_pool2d(x, 2)
    x = layers["conv2"] = functional.conv2d(x, weights["conv2.weight"], weights["conv2.bias"])
    x = layers["pool2"] = functional.max_pool2d(x, 2)
    x = layers["ip1_before_relu"] = functional.linear(x.flatten(1), weights["ip1.weight"], weights["ip1.bias"])
    x = layers["ip1"] = functional.relu(x)
    layers["ip2"] = functional.linear(x, weights["ip2.weight"], weights["ip2.bias"])
    return layers


def backpropagate(weights, pixels, layer, cotangent):
    pixels = pixels.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(forward(weights, pixels)[layer], pixels, cotangent)
    return gradient


def main():
    model = onnx.load(ASSETS / "lenet.onnx")
    weights = {
        tensor.name: torch.tensor(onnx.numpy_helper.to_array(tensor).astype(np.float64))
        for tensor in model.graph.initializer
        if tensor.name.endswith((".weight", ".bias"))
    }
    images, labels = idx(ASSETS / "digits-images-idx3-ubyte.gz"), idx(ASSETS / "digits-labels-idx1-ubyte.gz")
    targets = idx(ASSETS / "targets-images-idx3-ubyte.gz")
    target_labels = idx(ASSETS / "targets-labels-idx1-ubyte.gz")

    OUT.mkdir(parents=True, exist_ok=True)
    cases, arrays = [], []

    def store(values):
        """Appends an array to the file of all arrays; returns its place and extents."""
        values = values.detach().numpy().astype("<f4")
        place = {"first": sum(array.size for array in arrays), "shape": list(values.shape[1:])}
        arrays.append(values)
        return place

    for origin_class, target_class in ORIGINS.items():
        index = int(np.flatnonzero(labels == origin_class)[1])
        origin = torch.tensor(images[index].astype(np.float64))[None, None]
        target_index = int(np.flatnonzero(target_labels == target_class)[0])
        target = torch.tensor(targets[target_index].astype(np.float64))[None, None]
        at_origin, at_target = forward(weights, origin), forward(weights, target)
        case = {"origin": index, "origin_class": origin_class, "target": target_index, "target_class": target_class}
        # The convolutions of one digit are enough: they are large.
        shown = LAYERS if not cases else ["pool2", "ip1", "ip2"]
        case["representations"] = {layer: store(at_origin[layer]) for layer in shown}
        case["toward"] = {}
        case["magnify"] = {}
        for layer in LAYERS:
            # Caffe starts below the in-place ReLU: the cotangent goes past its mask.
            start = "ip1_before_relu" if layer == "ip1" else layer
            difference = at_target[layer] - at_origin[layer]
            case["toward"][layer] = store(backpropagate(weights, origin, start, difference))
            case["magnify"][layer] = store(backpropagate(weights, origin, start, at_origin[layer]))
        exact = backpropagate(weights, origin, "ip1", at_target["ip1"] - at_origin["ip1"])
        case["toward_exact_ip1"] = store(exact)
        probabilities = torch.softmax(at_origin["ip2"], 1)
        loss = probabilities.clone()
        loss[0, origin_class] -= 1
        # The exact gradient; scaled to a maximum of 1, because for a sure digit it is tiny.
        value = backpropagate(weights, origin, "ip2", loss / loss.abs().max())
        case["fast_gradient_value"] = store(value)
        logits = at_origin["ip2"]
        hot_cold = torch.zeros_like(logits)
        hot_cold[0, target_class] = logits[0, target_class].abs()
        hot_cold[0, origin_class] = -logits[0, origin_class]
        case["hot_cold"] = store(backpropagate(weights, origin, "ip2", hot_cold))
        cases.append(case)

    np.concatenate([array.ravel() for array in arrays]).astype("<f4").tofile(OUT / "lenet.f32")
    description = {
        "made_by": "tools/make_reference_network.py",
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "numpy": np.__version__,
        "network_sha256": hashlib.sha256((ASSETS / "lenet.onnx").read_bytes()).hexdigest(),
        "cases": cases,
    }
    (OUT / "lenet.json").write_text(json.dumps(description, indent=1) + "\n")
    print(f"{len(cases)} digits, {sum(array.size for array in arrays)} numbers")


if __name__ == "__main__":
    main()
