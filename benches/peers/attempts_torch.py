"""LOTS attempts in PyTorch: 9 targets × 4 layers for each digit, direction and smallest step.

Vectorised throughout: one forward pass with gradients for a batch of digits serves all layers and targets, rays are
searched together by doubling and then bisection, finished rays are dropped, and an image that was classified before is
not classified again. A ray is finished when no other 8-bit image lies between the two ends.
"""

import dataclasses

import torch

from lenet_torch import LAYERS

LONGEST_STEP = 2.0**20
# Where backpropagation starts: at `ip1` below its ReLU, as in Caffe.
START = {"conv1": "conv1", "conv2": "conv2", "ip1": "ip1_before_relu", "ip2": "ip2"}


@dataclasses.dataclass
class Rays:
    """Rays, one a row: origins float32 (rays, 784) 0–255, directions with largest entry 1, classes of the origins."""

    origins: torch.Tensor
    directions: torch.Tensor
    classes: torch.Tensor

    def images(self, rows, steps):
        """clamp(round(x + s · η)), halves up; float32 whole numbers (rows, 784)."""
        images = torch.addcmul(self.origins[rows], self.directions[rows], steps[:, None])
        return images.add_(0.5).floor_().clamp_(0, 255)


@dataclasses.dataclass
class Attempts:
    """What came of the rays: the smallest step (NaN where none), the image there, and how many were classified."""

    steps: torch.Tensor
    images: torch.Tensor
    classifications: int


class Attack:
    """The network, what it computes for the targets, and how many images it is given at once."""

    def __init__(self, network, targets, target_labels, batch):
        self.network, self.target_labels, self.batch = network, target_labels, batch
        with torch.inference_mode():
            layers = network.layers(targets.float())
        self.targets = {layer: layers[layer].flatten(1).clone() for layer in LAYERS}

    def rays(self, origins, labels):
        """All rays of some digits (uint8), in the order digit, layer, target."""
        pixels = origins.float().requires_grad_()
        layers = self.network.layers(pixels)
        others = torch.stack([torch.nonzero(self.target_labels != label).flatten() for label in labels])
        directions = []
        for layer in LAYERS:
            start = layers[START[layer]]
            representation = layers[layer].detach().flatten(1)
            for target in others.T:
                difference = self.targets[layer][target] - representation
                cotangent = difference.reshape(start.shape)
                (gradient,) = torch.autograd.grad(start, pixels, cotangent, retain_graph=True)
                directions.append(gradient.flatten(1))
        count = len(directions)
        directions = torch.stack(directions, 1).reshape(-1, 784)
        directions /= directions.abs().amax(1, keepdim=True)
        each = pixels.detach().flatten(1)
        return Rays(each.repeat_interleave(count, 0), directions, labels.repeat_interleave(count))

    def classes(self, images):
        """The class of each image, in batches that the caches like."""
        parts = images.reshape(-1, 1, 28, 28).split(self.batch)
        return torch.cat([self.network.classify(part).argmax(1) for part in parts])

    @torch.inference_mode()
    def search(self, rays):
        """The smallest steps at which the class changes."""
        lo, hi, classifications = self.double(rays)
        rows = torch.nonzero(hi.isfinite()).flatten()
        below, above = rays.images(rows, lo[rows]), rays.images(rows, hi[rows])
        images = torch.zeros_like(rays.origins)
        while len(rows):
            low, high = lo[rows], hi[rows]
            open_ = ((above - below).abs().sum(1) > 1) & (high - low > 1e-6 * high)
            done = ~open_
            images[rows[done]] = above[done]
            rows, below, above = rows[open_], below[open_], above[open_]
            middle = (low[open_] + high[open_]) / 2
            candidates = rays.images(rows, middle)
            moves_lo = (candidates == below).all(1)
            known = moves_lo | (candidates == above).all(1)
            unknown = torch.nonzero(~known).flatten()
            if len(unknown):
                moves_lo[unknown] = self.classes(candidates[unknown]) == rays.classes[rows[unknown]]
                classifications += len(unknown)
            lo[rows] = torch.where(moves_lo, middle, lo[rows])
            hi[rows] = torch.where(moves_lo, hi[rows], middle)
            below = torch.where(moves_lo[:, None], candidates, below)
            above = torch.where(moves_lo[:, None], above, candidates)
        return Attempts(torch.where(hi.isfinite(), hi, torch.nan), images, classifications)

    def double(self, rays):
        """Steps 1, 2, 4, … until the class changes (or nothing moves any more: infinity), and the last one before."""
        count = len(rays.classes)
        lo, hi = torch.zeros(count), torch.full((count,), torch.inf)
        rows, step, classifications = torch.arange(count), 1.0, 0
        before = rays.origins
        while len(rows) and step <= LONGEST_STEP:
            candidates = rays.images(rows, torch.full((len(rows),), step))
            moving = torch.nonzero((candidates != before).any(1)).flatten()
            # What does not move any more has come to its end, once the step is longer than the range of a pixel.
            stays = torch.full((len(rows),), step <= 256)
            stays[moving] = True
            if len(moving):
                changed = moving[self.classes(candidates[moving]) != rays.classes[rows[moving]]]
                classifications += len(moving)
                hi[rows[changed]] = step
                stays[changed] = False
            lo[rows[stays]] = step
            rows, before = rows[stays], candidates[stays]
            step *= 2
        return lo, hi, classifications


def attack(attack_, digits, labels, at_once=64):
    """Attempts on all digits, some digits at a time."""
    parts = []
    for first in range(0, len(digits), at_once):
        rays = attack_.rays(digits[first : first + at_once], labels[first : first + at_once])
        parts.append(attack_.search(rays))
    steps, images = torch.cat([part.steps for part in parts]), torch.cat([part.images for part in parts])
    return Attempts(steps, images, sum(part.classifications for part in parts))
