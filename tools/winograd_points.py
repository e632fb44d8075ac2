#!/usr/bin/env python3
"""Prints how many digits tiled convolutions lose with different interpolation points.

    tools/winograd_points.py            the tables of docs/decisions/winograd.md

Single precision (transforms and sums; filters are transformed in double precision and rounded once) against double
precision: rectified normal noise in 256 channels, normal weights, 100 tiles, two draws.

Requirements: numpy==2.4.6
"""

from fractions import Fraction
from math import gcd, lcm

import numpy

FILTERS, TILES, DRAWS = 8, 100, 2
HALF, NEAR, FAR = Fraction(1, 2), Fraction(3, 4), Fraction(3, 2)
# For filters of so many weights along an axis: channels, and choices of outputs of a tile along an axis and of the
# points beside infinity.
TABLES = {
    3: (
        256,
        [
            (2, "0, ±1, ∞", [0, 1, -1]),
            (4, "0, ±1, ±2, ∞", [0, 1, -1, 2, -2]),
            (4, "0, ±1, ±1/2, ∞", [0, 1, -1, HALF, -HALF]),
            (4, "0, ±1, 2, −1/2, ∞", [0, 1, -1, 2, -HALF]),
            (4, "0, ±3/4, ±3/2, ∞", [0, NEAR, -NEAR, FAR, -FAR]),
        ],
    ),
    5: (
        20,
        [
            (2, "0, ±3/4, ±3/2, ∞", [0, NEAR, -NEAR, FAR, -FAR]),
            (4, "0, ±3/8, ±3/4, ±3/2, ∞", [0, NEAR / 2, -NEAR / 2, NEAR, -NEAR, FAR, -FAR]),
            (4, "0, ±1/2, ±1, ±3/2, ∞", [0, HALF, -HALF, 1, -1, FAR, -FAR]),
            (4, "0, ±1/2, ±1, ±2, ∞", [0, HALF, -HALF, 1, -1, 2, -2]),
        ],
    ),
}


def polynomial(roots):
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*(-root * c for c in coefficients), Fraction(0)]
        coefficients = [a + b for a, b in zip(shifted, scaled)]
    return coefficients


def transforms(points, outputs, taps):
    """The matrices of the Toom-Cook algorithm for outputs, filters and inputs; those of inputs in whole numbers."""
    points = [Fraction(point) for point in points]
    size = outputs + taps - 1
    to_outputs = [[p**k for p in points] + [Fraction(k == outputs - 1)] for k in range(outputs)]
    of_filters, of_inputs = [], []
    for point in points:
        others = [other for other in points if other != point]
        divisor = numpy.prod([point - other for other in others])
        row = polynomial(others) + [Fraction(0)]
        denominator = lcm(*(value.denominator for value in row))
        scale = Fraction(denominator, gcd(*(int(value * denominator) for value in row)))
        of_inputs.append([value * scale for value in row])
        of_filters.append([point**k / divisor / scale for k in range(taps)])
    of_filters.append([Fraction(k == taps - 1) for k in range(taps)])
    of_inputs.append(polynomial(points))
    assert all(len(row) == size for row in of_inputs)
    return [numpy.array(rows, dtype=float) for rows in (to_outputs, of_filters, of_inputs)]


def errors(result, exact):
    """The largest error over the largest output, and the root mean squares of both divided."""
    error = result - exact
    return numpy.abs(error).max() / numpy.abs(exact).max(), numpy.sqrt((error**2).mean() / (exact**2).mean())


def draw(taps, channels, outputs, points, seed):
    """Errors of the tiled and of the direct sum for one draw."""
    to_outputs, of_filters, of_inputs = transforms(points, outputs, taps)
    single, size = numpy.float32, outputs + taps - 1
    random = numpy.random.default_rng(seed)
    inputs = numpy.maximum(random.standard_normal((channels, TILES, size, size)), 0).astype(single)
    weights = random.standard_normal((FILTERS, channels, taps, taps)) * numpy.sqrt(2 / (taps**2 * channels))
    weights = weights.astype(single)
    filters = numpy.einsum("ia,kcab,jb->kcij", of_filters, weights.astype(float), of_filters).astype(single)

    def both_axes(matrix, values):
        matrix = matrix.astype(single)
        return numpy.einsum("jb,ctib->ctij", matrix, numpy.einsum("ia,ctab->ctib", matrix, values))

    values = both_axes(of_inputs, inputs)
    sums = numpy.zeros((FILTERS, TILES, size, size), single)
    direct = numpy.zeros((FILTERS, TILES, outputs, outputs), single)
    exact = direct.astype(float)
    for channel in range(channels):
        sums += filters[:, channel, None] * values[None, channel]
        for u in range(taps):
            for v in range(taps):
                weight = weights[:, channel, u, v][:, None, None, None]
                part = inputs[None, channel, :, u : u + outputs, v : v + outputs]
                direct += weight * part
                exact += weight.astype(float) * part
    return errors(both_axes(to_outputs, sums), exact), errors(direct, exact)


def main():
    for taps, (channels, choices) in TABLES.items():
        print(f"\n{taps}×{taps}, {channels} channels\n")
        print("| points | largest error / largest output | root mean square error / output |\n|---|--:|--:|")
        rows = []
        for outputs, name, points in choices:
            drawn = (draw(taps, channels, outputs, points, seed) for seed in range(DRAWS))
            tiled, direct = zip(*drawn)
            rows.append((f"F({outputs}×{outputs}): {name}", numpy.mean(tiled, axis=0)))
        for name, (largest, typical) in [("direct sum", numpy.mean(direct, axis=0)), *rows]:
            print(f"| {name} | {largest * 1e6:.1f}e-6 | {typical * 1e6:.1f}e-6 |")


if __name__ == "__main__":
    main()
