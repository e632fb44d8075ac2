#!/usr/bin/env python3
"""Makes testdata/onnx: small networks as other programs write them, and what ONNX Runtime computes with them.

Requirements (Python 3.11):
    numpy==2.4.6
    onnx==1.23.2
    onnxruntime==1.32.0

Each network is there for one way of writing the same things: see `NETWORKS`.
Weights and pixels follow `wave`, so nothing is random.
`outputs.txt` has a line a network: its name and the values of its first output for the two images of `images`.

Usage: make_reference_onnx.py [--out testdata/onnx]
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def wave(*shape, scale=1.0):
    """Numbers between -scale and scale that repeat late."""
    count = int(np.prod(shape))
    return (scale * np.sin(1.7 * np.arange(count) + count)).astype(np.float32).reshape(shape)


def images(channels, height, width):
    """Two images with pixels 0-255."""
    count = 2 * channels * height * width
    pixels = (np.arange(count) * 37 + np.arange(count) // 11 * 5) % 256
    return pixels.astype(np.float32).reshape(2, channels, height, width)


def initializer(name, array):
    """As PyTorch writes it: raw bytes."""
    return numpy_helper.from_array(array, name)


def typed(name, array, kind=TensorProto.FLOAT):
    """As old exporters write it: numbers in the field of their type."""
    return helper.make_tensor(name, kind, array.shape, array.flatten().tolist())


def constant(name, array):
    """A node that holds the array."""
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))


def model(nodes, inputs, outputs, initializers=(), opset=13, ir=8, **more):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers), **more)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def info(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, list(shape))


def lenet(opset):
    """Like PyTorch's exporter: symbolic batch, raw weights, names with dots and slashes."""
    weights = [
        initializer("conv1.weight", wave(4, 1, 5, 5, scale=0.2)),
        initializer("conv1.bias", wave(4)),
        initializer("conv2.weight", wave(6, 4, 5, 5, scale=0.1)),
        initializer("conv2.bias", wave(6)),
        initializer("fc1.weight", wave(12, 24, scale=0.2)),
        initializer("fc1.bias", wave(12)),
        initializer("fc2.weight", wave(10, 12, scale=0.2)),
        initializer("fc2.bias", wave(10)),
    ]
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["input", "conv1.weight", "conv1.bias"], ["/conv1/out"], "/conv1/Conv",
                         kernel_shape=[5, 5], pads=[0, 0, 0, 0], strides=[1, 1], dilations=[1, 1], group=1),
        helper.make_node("MaxPool", ["/conv1/out"], ["/pool1/out"], "/pool1/MaxPool", **pool),
        helper.make_node("Conv", ["/pool1/out", "conv2.weight", "conv2.bias"], ["/conv2/out"], "/conv2/Conv"),
        helper.make_node("MaxPool", ["/conv2/out"], ["/pool2/out"], "/pool2/MaxPool", **pool),
        helper.make_node("Flatten", ["/pool2/out"], ["/flatten/out"], "/Flatten", axis=1),
        helper.make_node("Gemm", ["/flatten/out", "fc1.weight", "fc1.bias"], ["/fc1/out"], "/fc1/Gemm", transB=1),
        helper.make_node("Relu", ["/fc1/out"], ["/relu/out"], "/Relu"),
        helper.make_node("Gemm", ["/relu/out", "fc2.weight", "fc2.bias"], ["logits"], "/fc2/Gemm", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "/Softmax", axis=1),
    ]
    return model(nodes, [info("input", "batch", 1, 20, 20)], [info("probabilities", "batch", 10)], weights, opset)


def opset_7():
    """Like the first exporters: IR version 3, weights among the inputs and typed, batch 1, a mask nobody reads."""
    weights = [
        typed("w", wave(3, 3, 3, 3, scale=0.1)),
        typed("b", wave(3)),
        typed("fc", wave(27, 4, scale=0.1)),
        typed("fc_b", wave(4)),
        typed("shape", np.array([1, -1]), TensorProto.INT64),
    ]
    inputs = [info("data", 1, 3, 8, 8), *(info(w.name, *w.dims, kind=w.data_type) for w in weights)]
    nodes = [
        helper.make_node("Conv", ["data", "w", "b"], ["y1"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Relu", ["y1"], ["y2"]),
        helper.make_node("Dropout", ["y2"], ["y3", "mask"], ratio=0.5),
        helper.make_node("Reshape", ["y3", "shape"], ["y4"]),
        helper.make_node("Gemm", ["y4", "fc", "fc_b"], ["y5"]),
    ]
    return model(nodes, inputs, [info("y5", 1, 4)], weights, 7, 3)


def constant_nodes():
    """Like PyTorch 1.1: every weight is the output of a Constant node, nodes have no names."""
    nodes = [
        constant("w", wave(2, 1, 3, 3, scale=0.1)),
        constant("b", wave(2)),
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        constant("shape", np.array([0, 72], dtype=np.int64)),
        helper.make_node("Reshape", ["c", "shape"], ["flat"]),
        constant("fc", wave(72, 3, scale=0.1)),
        helper.make_node("Constant", [], ["fc_b"], value_floats=[0.5, -1.0, 2.0]),
        helper.make_node("Gemm", ["flat", "fc", "fc_b"], ["y"], alpha=0.5, beta=2.0),
    ]
    return model(nodes, [info("x", "n", 1, 6, 6)], [info("y", "n", 3)], opset=12, ir=7)


def half_weights():
    """Half the size: everything in float16, raw and in the field for integers."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "fc", "fc_b"], ["y"]),
    ]
    weights = [
        initializer("w", wave(2, 1, 3, 3, scale=0.25).astype(np.float16)),
        typed("b", np.array([0.5, -0.25]), TensorProto.FLOAT16),
        typed("fc", wave(32, 3, scale=0.2), TensorProto.FLOAT16),
        initializer("fc_b", np.array([1.5, -2.0, 0.1], dtype=np.float16)),
    ]
    x, y = info("x", "n", 1, 6, 6, kind=TensorProto.FLOAT16), info("y", "n", 3, kind=TensorProto.FLOAT16)
    return model(nodes, [x], [y], weights)


def cntk():
    """Like the MNIST network of the ONNX model zoo: fixed batch, weights reshaped by a node, MatMul and Add."""
    nodes = [
        helper.make_node("Conv", ["Input3", "Parameter5"], ["Convolution28_Output_0"], "Convolution28",
                         auto_pad="SAME_UPPER", kernel_shape=[5, 5]),
        helper.make_node("Add", ["Convolution28_Output_0", "Parameter6"], ["Plus30_Output_0"], "Plus30"),
        helper.make_node("Relu", ["Plus30_Output_0"], ["ReLU32_Output_0"], "ReLU32"),
        helper.make_node("Reshape", ["ReLU32_Output_0", "Shape"], ["Reshape0"], "Times212_reshape0"),
        helper.make_node("Reshape", ["Parameter193", "Shape1"], ["Reshape1"], "Times212_reshape1"),
        helper.make_node("MatMul", ["Reshape0", "Reshape1"], ["Times212_Output_0"], "Times212"),
        helper.make_node("Add", ["Times212_Output_0", "Parameter194"], ["Plus214_Output_0"], "Plus214"),
    ]
    weights = [
        typed("Parameter5", wave(2, 1, 5, 5, scale=0.1)),
        typed("Parameter6", wave(2, 1, 1)),
        typed("Parameter193", wave(2, 6, 6, 3, scale=0.1)),
        typed("Parameter194", wave(1, 3)),
        typed("Shape", np.array([1, 72]), TensorProto.INT64),
        typed("Shape1", np.array([72, 3]), TensorProto.INT64),
    ]
    inputs = [info("Input3", 1, 1, 6, 6), *(info(w.name, *w.dims, kind=w.data_type) for w in weights)]
    return model(nodes, inputs, [info("Plus214_Output_0", 1, 3)], weights, 8, 3)


def channels_last():
    """Like tf2onnx: the image is [N, H, W, C] and is transposed, and so is the way into the last layer."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["first"], "first", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["first", "w"], ["c"], "c"),
        helper.make_node("Relu", ["c"], ["r"], "r"),
        helper.make_node("Transpose", ["r"], ["back"], "back", perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["back", "shape"], ["flat"], "flat"),
        helper.make_node("Transpose", ["fc"], ["fc_t"], "fc_t"),
        helper.make_node("MatMul", ["flat", "fc_t"], ["y"], "y"),
    ]
    weights = [
        initializer("w", wave(2, 3, 3, 3, scale=0.1)),
        initializer("shape", np.array([-1, 40], dtype=np.int64)),
        initializer("fc", wave(3, 40, scale=0.1)),
    ]
    return model(nodes, [info("image", "n", 6, 7, 3)], [info("y", "n", 3)], weights, 15)


NETWORKS = {
    "lenet_opset_13": lambda: lenet(13),
    "lenet_opset_22": lambda: lenet(22),
    "opset_7": opset_7,
    "constant_nodes": constant_nodes,
    "half_weights": half_weights,
    "cntk": cntk,
    "channels_last": channels_last,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("testdata/onnx"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, make in NETWORKS.items():
        network = make()
        onnx.checker.check_model(network, full_check=True)
        path = out / f"{name}.onnx"
        onnx.save(network, path)
        values = run(path)
        lines.append(" ".join([name, *(f"{value:.9g}" for value in values.flatten())]))
        print(f"{path}: {path.stat().st_size} bytes, {values.shape}")
    (out / "outputs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(path):
    """The first output for two images, one after the other where the batch is fixed. Pixels are divided by 256."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    last = taken.shape[3] == 3
    batch = images(*((taken.shape[3], *taken.shape[1:3]) if last else taken.shape[1:])) / np.float32(256)
    batch = batch.transpose(0, 2, 3, 1) if last else batch
    batch = batch.astype(np.float16 if "float16" in taken.type else np.float32)
    return np.concatenate([session.run(None, {taken.name: batch[index : index + 1]})[0] for index in range(2)])


if __name__ == "__main__":
    main()
