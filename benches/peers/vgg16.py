"""VGG-16 for 224×224: an ONNX file with random weights, and the same network in PyTorch."""

import copy

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import data

# Output channels of the 3×3 convolutions; M is a maximum of 2×2.
TOPOLOGY = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
DENSE = (4096, 4096, 1000)
SCALE = 1 / 256


def write(path):
    """Writes the network with weights that keep the values in range (He et al. 2015)."""
    random = np.random.Generator(np.random.PCG64(1))
    nodes, weights, last, channels, index = [], [], "data", 3, 0

    def add(shape):
        name = f"layer{index}"
        fan_in = int(np.prod(shape[1:]))
        values = random.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / fan_in))
        weights.append(numpy_helper.from_array(values, f"{name}.weight"))
        weights.append(numpy_helper.from_array(np.zeros(shape[0], np.float32), f"{name}.bias"))
        return name, [last, f"{name}.weight", f"{name}.bias"]

    for width in TOPOLOGY:
        if width == "M":
            output = f"pool{index}"
            nodes.append(helper.make_node("MaxPool", [last], [output], output, kernel_shape=[2, 2], strides=[2, 2]))
            last = output
            continue
        index += 1
        name, inputs = add((width, channels, 3, 3))
        convolution = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", inputs, [f"{name}.sum"], name, **convolution))
        nodes.append(helper.make_node("Relu", [f"{name}.sum"], [name], f"{name}.relu"))
        last, channels = name, width
    nodes.append(helper.make_node("Flatten", [last], ["flat"], "flatten"))
    last, channels = "flat", channels * 7 * 7
    for width in DENSE:
        index += 1
        name, inputs = add((width, channels))
        is_last = width == DENSE[-1]
        nodes.append(helper.make_node("Gemm", inputs, [name if is_last else f"{name}.sum"], name, transB=1))
        if not is_last:
            nodes.append(helper.make_node("Relu", [f"{name}.sum"], [name], f"{name}.relu"))
        last, channels = name, width
    graph = helper.make_graph(
        nodes,
        "vgg16",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["N", DENSE[-1]])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    for key, value in {"lots.channels": "rgb", "lots.mean": "0,0,0", "lots.factor": ",".join([str(SCALE)] * 3)}.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)


class Vgg16:
    """The network of the file in PyTorch. Pixels are float32 0–255 (images, 3, 224, 224)."""

    def __init__(self, path, channels_last):
        # Only the side that measures PyTorch needs it.
        import torch

        self.torch = torch
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.weights = {}
        for name, values in data.weights(path).items():
            tensor = torch.tensor(values)
            self.weights[name] = tensor.contiguous(memory_format=self.format) if tensor.dim() == 4 else tensor

    def logits(self, pixels):
        """The class scores."""
        functional = self.torch.nn.functional
        values, index = (pixels * SCALE).contiguous(memory_format=self.format), 0
        for width in TOPOLOGY:
            if width == "M":
                values = functional.max_pool2d(values, 2)
                continue
            index += 1
            weight, bias = self.weights[f"layer{index}.weight"], self.weights[f"layer{index}.bias"]
            values = functional.relu(functional.conv2d(values, weight, bias, padding=1), inplace=True)
        values = values.flatten(1)
        for width in DENSE:
            index += 1
            values = functional.linear(values, self.weights[f"layer{index}.weight"], self.weights[f"layer{index}.bias"])
            values = values if width == DENSE[-1] else functional.relu(values, inplace=True)
        return values

    def forward(self, pixels):
        """Logits without gradients."""
        with self.torch.inference_mode():
            return self.logits(pixels.float())

    def gradient(self, pixels):
        """The gradient of the first logit in the pixels, with the precision of the weights."""
        pixels = pixels.to(self.weights["layer1.bias"].dtype).requires_grad_()
        (gradient,) = self.torch.autograd.grad(self.logits(pixels)[:, 0].sum(), pixels)
        return gradient

    def doubled(self):
        """The same network in double precision."""
        doubled = copy.copy(self)
        doubled.weights = {name: values.double() for name, values in self.weights.items()}
        return doubled
