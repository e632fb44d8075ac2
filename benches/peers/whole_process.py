"""What `lots attack` does with one digit, as a Python program: 36 attempts, measures, files.

    python whole_process.py NUMBER FOLDER
"""

import json
import pathlib
import sys

import cv2
import numpy as np
import torch

import attempts_torch
import data
import lenet_torch
import pass_opencv


def main():
    """Attacks one digit toward nine targets at four layers."""
    torch.set_num_threads(2)
    number, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    (folder / "images").mkdir(parents=True)
    network = lenet_torch.LeNet(channels_last=False)
    targets, target_labels = torch.tensor(data.images("targets")), torch.tensor(data.labels("targets"))
    origin = data.images("digits")[number]
    attack = attempts_torch.Attack(network, targets, target_labels, batch=64)
    label = torch.tensor(data.labels("digits")[number : number + 1])
    attempts = attempts_torch.attack(attack, torch.tensor(origin[None]), label)
    images = attempts.images.reshape(-1, 28, 28).numpy().astype(np.uint8)
    with open(folder / "attempts.jsonl", "w", encoding="utf-8") as rows:
        for index, (step, image) in enumerate(zip(attempts.steps.tolist(), images, strict=True)):
            difference = image.astype(np.float64) - origin[0]
            row = {
                "step": step,
                "l2": float(np.linalg.norm(difference)),
                "linf": int(np.abs(difference).max()),
                "pass_score": pass_opencv.pass_score(origin[0], image),
            }
            rows.write(json.dumps(row) + "\n")
            cv2.imwrite(str(folder / "images" / f"{index:02}.png"), image)


if __name__ == "__main__":
    main()
