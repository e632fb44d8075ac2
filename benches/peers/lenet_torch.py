"""LeNet in PyTorch: batched, without gradients where none is needed, in the memory format that is faster."""

import torch
import torch.nn.functional as F

import data

SCALE = 1 / 256
LAYERS = ("conv1", "conv2", "ip1", "ip2")


class LeNet:
    """The embedded network. Pixels are float32 0–255 (images, 1, 28, 28)."""

    def __init__(self, channels_last):
        self.channels_last = channels_last
        self.weights = {name: torch.tensor(values) for name, values in data.weights().items()}
        if channels_last:
            for name in ("conv1.weight", "conv2.weight"):
                self.weights[name] = self.weights[name].contiguous(memory_format=torch.channels_last)

    def layers(self, pixels):
        """Layer -> representation; `ip1_before_relu` is where backpropagation from `ip1` starts, as in Caffe."""
        weights = self.weights
        inputs = pixels * SCALE
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        conv1 = F.conv2d(inputs, weights["conv1.weight"], weights["conv1.bias"])
        pool1 = F.max_pool2d(conv1, 2)
        conv2 = F.conv2d(pool1, weights["conv2.weight"], weights["conv2.bias"])
        pool2 = F.max_pool2d(conv2, 2)
        before_relu = F.linear(pool2.flatten(1), weights["ip1.weight"], weights["ip1.bias"])
        ip1 = F.relu(before_relu)
        ip2 = F.linear(ip1, weights["ip2.weight"], weights["ip2.bias"])
        return {"conv1": conv1, "conv2": conv2, "ip1_before_relu": before_relu, "ip1": ip1, "ip2": ip2}

    @torch.inference_mode()
    def classify(self, pixels):
        """Logits of uint8 or float pixels."""
        return self.layers(pixels.float())["ip2"]

    def gradient(self, pixels, targets):
        """Representations at ip2, and the gradient in the pixels of the feature difference to `targets`."""
        pixels = pixels.float().requires_grad_()
        logits = self.layers(pixels)["ip2"]
        (gradient,) = torch.autograd.grad(logits, pixels, targets - logits.detach())
        return logits, gradient


class Training:
    """Caffe's solver on the embedded network: momentum, decay, biases at twice the rate."""

    def __init__(self, channels_last, **optimizer):
        self.network = LeNet(channels_last)
        for name, values in self.network.weights.items():
            self.network.weights[name] = values.clone().requires_grad_()
        named = self.network.weights.items()
        groups = [
            {"params": [values for name, values in named if name.endswith(".weight")], "factor": 1},
            {"params": [values for name, values in named if name.endswith(".bias")], "factor": 2},
        ]
        self.optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9, weight_decay=5e-4, **optimizer)
        self.iteration = 0

    def step(self, pixels, labels):
        """One iteration on 64 images; returns the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = 0.01 * (1 + 1e-4 * self.iteration) ** -0.75 * group["factor"]
        loss = F.cross_entropy(self.network.layers(pixels.float())["ip2"], labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.iteration += 1
        return loss.item()
