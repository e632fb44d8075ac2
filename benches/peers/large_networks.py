"""VGG-16, ResNet-50 and MobileNetV2 for 224×224: ONNX files with random weights, and the same networks in PyTorch.

Batch normalization is folded into the convolutions on all sides, as it is for every network that is only looked at.
"""

import copy
import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import data

SCALE = 1 / 256
CLASSES = 1000
# What the last convolution of a residual block is scaled with, so that values stay in range over the blocks.
RESIDUAL_SCALE = 0.5


@dataclasses.dataclass
class Step:
    """An operation on the outputs of earlier steps; `weights` is the shape of its kernel or matrix, outputs first."""

    op: str
    inputs: list
    weights: tuple = ()
    stride: int = 1
    groups: int = 1
    kernel: int = 0
    scale: float = 1.0


class Topology:
    """Steps in the order of computation, each known by its index; −1 is the image."""

    def __init__(self):
        self.steps = []

    def add(self, op, *inputs, **options):
        """Adds a step and returns its index."""
        self.steps.append(Step(op, list(inputs), **options))
        return len(self.steps) - 1

    def conv(self, last, channels, width, kernel, stride=1, groups=1, relu="relu", scale=1.0):
        """A convolution that keeps the extent but for its stride, and what follows it."""
        weights = (width, channels // groups, kernel, kernel)
        last = self.add("conv", last, weights=weights, stride=stride, groups=groups, scale=scale)
        return self.add(relu, last) if relu else last


def vgg_16():
    """Simonyan and Zisserman 2014, configuration D."""
    net, last, channels = Topology(), -1, 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            last, channels = net.conv(last, channels, width, 3), width
        last = net.add("max_pool", last, kernel=2, stride=2)
    last = net.add("flatten", last)
    for outputs, inputs in ((4096, 512 * 7 * 7), (4096, 4096)):
        last = net.add("relu", net.add("linear", last, weights=(outputs, inputs)))
    net.add("linear", last, weights=(CLASSES, 4096))
    return net.steps


def resnet_50():
    """He et al. 2015, with the stride at the 3×3 convolution as torchvision has it."""
    net = Topology()
    last, channels = net.conv(-1, 3, 64, 7, stride=2), 64
    last = net.add("max_pool", last, kernel=3, stride=2)
    for width, blocks, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            inner = net.conv(last, channels, width, 1)
            inner = net.conv(inner, width, width, 3, stride=stride)
            inner = net.conv(inner, width, 4 * width, 1, relu=None, scale=RESIDUAL_SCALE)
            if block == 0:
                last = net.conv(last, channels, 4 * width, 1, stride=stride, relu=None)
            last, channels = net.add("relu", net.add("add", inner, last)), 4 * width
    last = net.add("flatten", net.add("average_pool", last))
    net.add("linear", last, weights=(CLASSES, 2048))
    return net.steps


def mobilenet_v2():
    """Sandler et al. 2018, Table 2."""
    net = Topology()
    last, channels = net.conv(-1, 3, 32, 3, stride=2, relu="relu6"), 32
    settings = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, width, blocks, first_stride in settings:
        for block in range(blocks):
            stride, hidden = first_stride if block == 0 else 1, expansion * channels
            inner = last if expansion == 1 else net.conv(last, channels, hidden, 1, relu="relu6")
            inner = net.conv(inner, hidden, hidden, 3, stride=stride, groups=hidden, relu="relu6")
            is_residual = stride == 1 and channels == width
            inner = net.conv(inner, hidden, width, 1, relu=None, scale=RESIDUAL_SCALE if is_residual else 1.0)
            last, channels = net.add("add", inner, last) if is_residual else inner, width
    last = net.conv(last, channels, 1280, 1, relu="relu6")
    last = net.add("flatten", net.add("average_pool", last))
    net.add("linear", last, weights=(CLASSES, 1280))
    return net.steps


TOPOLOGIES = {"VGG-16": vgg_16, "ResNet-50": resnet_50, "MobileNetV2": mobilenet_v2}


def write(name, path):
    """Writes the network with weights that keep the values in range (He et al. 2015)."""
    random = np.random.Generator(np.random.PCG64(1))
    nodes, weights = [], []
    bounds = [numpy_helper.from_array(np.float32(bound), f"bound{bound}") for bound in (0, 6)]
    steps = TOPOLOGIES[name]()
    for index, step in enumerate(steps):
        output, inputs = f"step{index}", ["data" if at < 0 else f"step{at}" for at in step.inputs]
        if step.weights:
            deviation = step.scale * np.sqrt(2 / np.prod(step.weights[1:]))
            values = random.standard_normal(step.weights, np.float32) * np.float32(deviation)
            weights.append(numpy_helper.from_array(values, f"{output}.weight"))
            weights.append(numpy_helper.from_array(np.zeros(step.weights[0], np.float32), f"{output}.bias"))
            inputs += [f"{output}.weight", f"{output}.bias"]
        pads = {"pads": [padding(step)] * 4, "strides": [step.stride] * 2}
        op, options = {
            "conv": ("Conv", pads | {"group": step.groups, "kernel_shape": step.weights[2:]}),
            "linear": ("Gemm", {"transB": 1}),
            "relu": ("Relu", {}),
            "relu6": ("Clip", {}),
            "add": ("Add", {}),
            "max_pool": ("MaxPool", pads | {"kernel_shape": [step.kernel] * 2}),
            "average_pool": ("GlobalAveragePool", {}),
            "flatten": ("Flatten", {}),
        }[step.op]
        if step.op == "relu6":
            inputs += [bound.name for bound in bounds]
        nodes.append(helper.make_node(op, inputs, [output], output, **options))
    uses_bounds = any(step.op == "relu6" for step in steps)
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["N", CLASSES])],
        weights + bounds * uses_bounds,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    for key, value in {"lots.channels": "rgb", "lots.mean": "0,0,0", "lots.factor": ",".join([str(SCALE)] * 3)}.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)


def padding(step):
    """What keeps the extent of a convolution with stride 1, and halves that of the pooling of 3×3."""
    return (step.weights[2] - 1) // 2 if step.op == "conv" else (step.kernel - 1) // 2


class InTorch:
    """The network of the file in PyTorch. Pixels are float32 0–255 (images, 3, 224, 224)."""

    def __init__(self, name, path, channels_last):
        # Only the side that measures PyTorch needs it.
        import torch

        self.torch = torch
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.steps = TOPOLOGIES[name]()
        self.weights = {}
        for key, values in data.weights(path).items():
            tensor = torch.tensor(values)
            self.weights[key] = tensor.contiguous(memory_format=self.format) if tensor.dim() == 4 else tensor

    def logits(self, pixels):
        """The class scores."""
        functional = self.torch.nn.functional
        image = (pixels * SCALE).contiguous(memory_format=self.format)
        # A value is kept as long as a later step reads it.
        last_use = {at: index for index, step in enumerate(self.steps) for at in step.inputs}
        values = {-1: image}
        for index, step in enumerate(self.steps):
            operands = [values[at] for at in step.inputs]
            for at in step.inputs:
                if last_use[at] == index:
                    values.pop(at, None)
            first = operands[0]
            weight, bias = self.weights.get(f"step{index}.weight"), self.weights.get(f"step{index}.bias")
            match step.op:
                case "conv":
                    where = {"stride": step.stride, "padding": padding(step), "groups": step.groups}
                    values[index] = functional.conv2d(first, weight, bias, **where)
                case "linear":
                    values[index] = functional.linear(first, weight, bias)
                case "relu":
                    values[index] = functional.relu(first, inplace=True)
                case "relu6":
                    values[index] = functional.relu6(first, inplace=True)
                case "add":
                    values[index] = first + operands[1]
                case "max_pool":
                    values[index] = functional.max_pool2d(first, step.kernel, step.stride, padding(step))
                case "average_pool":
                    values[index] = functional.adaptive_avg_pool2d(first, 1)
                case "flatten":
                    values[index] = first.flatten(1)
        return values[len(self.steps) - 1]

    def forward(self, pixels):
        """Logits without gradients."""
        with self.torch.inference_mode():
            return self.logits(pixels.float())

    def gradient(self, pixels):
        """The gradient of the first logit in the pixels, with the precision of the weights."""
        pixels = pixels.to(self.weights["step0.bias"].dtype).requires_grad_()
        (gradient,) = self.torch.autograd.grad(self.logits(pixels)[:, 0].sum(), pixels)
        return gradient

    def doubled(self):
        """The same network in double precision."""
        doubled = copy.copy(self)
        doubled.weights = {name: values.double() for name, values in self.weights.items()}
        return doubled
