"""PASS with OpenCV and scikit-image: `findTransformECC`, `warpPerspective`, `structural_similarity`.

Pairs are divided between two processes that live on from call to call, each with one thread: for whole sets of pairs
that is faster than two threads within each call.
"""

import multiprocessing

import cv2
import numpy as np
from skimage.metrics import structural_similarity

ITERATIONS, EPSILON, BLUR = 50, 1e-3, 5
# Of the processes: the pairs they were made with.
PAIRS = {}


def luma(image):
    """0.299 R + 0.587 G + 0.114 B as float32; grey as it is."""
    return image.astype(np.float32) if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def pass_score(origin, perturbed):
    """SSIM of the origin and the perturbed image seen through the homography, or as it is where there is none."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, EPSILON)
    aligned = perturbed.astype(np.float32)
    try:
        warp = np.eye(3, dtype=np.float32)
        _, warp = cv2.findTransformECC(
            luma(origin), luma(perturbed), warp, cv2.MOTION_HOMOGRAPHY, criteria, None, BLUR
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned = cv2.warpPerspective(aligned, warp, origin.shape[1::-1], flags=flags)
    except cv2.error:
        pass
    _, similarity = structural_similarity(
        origin.astype(np.float32), aligned, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255, full=True, channel_axis=2 if origin.ndim == 3 else None,
    )
    return float(np.mean(similarity, dtype=np.float64))


def start(pairs):
    """What each process does first."""
    cv2.setNumThreads(1)
    PAIRS.update(pairs)


def score(pair):
    """PASS of one of the pairs."""
    name, index = pair
    origins, perturbed = PAIRS[name]
    return pass_score(origins[index], perturbed[index])


class Scorer:
    """Two processes that know the pairs: name -> (origins, perturbed), uint8 (pairs, height, width[, 3])."""

    def __init__(self, pairs, processes):
        self.pairs = pairs
        self.pool = multiprocessing.get_context("fork").Pool(processes, start, (pairs,))

    def scores(self, name):
        """PASS of all pairs of that name."""
        count = len(self.pairs[name][0])
        chunk = max(1, count // 16)
        return np.array(self.pool.map(score, [(name, index) for index in range(count)], chunksize=chunk))

    def close(self):
        """Ends the processes."""
        self.pool.terminate()
        self.pool.join()
