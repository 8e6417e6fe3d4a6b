"""measure.py - what the peers have in common: models, data, and how time is taken.

A script with_NAME.py MODEL [--threads N] [--seconds S] [--compile] builds MODEL in its
framework and prints one line as ../bench.c does:

    step_us=... predict1_us=... first_step_s=... rss_mb=... loss=... last=...

step_us and predict1_us are medians over timed blocks, warm; first_step_s counts from the start
of this module, before the framework is loaded, to the end of the first training step; rss_mb is
the peak of the process. Every framework gets ready-made batches and its fastest documented way
to call a step and a prediction.
"""

import argparse
import os
import resource
import statistics
import time

START = time.time()
BATCHES = 8
STEP_BLOCK = 0.1  # seconds that a block of steps takes


class Model:
    """Shapes without the batch axis; `target` says what the loss compares with."""

    def __init__(self, batch, shape, target, optimizer, vocabulary=0, classes=0):
        self.batch, self.shape, self.target = batch, shape, target
        self.optimizer, self.vocabulary, self.classes = optimizer, vocabulary, classes


MODELS = {
    "linear": Model(32, (1,), "real", "sgd"),
    "logistic": Model(32, (2,), "yes_or_no", "sgd"),
    "mlp": Model(128, (784,), "class", "sgd", classes=10),
    "cifar": Model(64, (32, 32, 3), "class", "adam", classes=10),
    "rnn_seed": Model(16, (10,), "yes_or_no", "adam", vocabulary=2),
    "rnn_imdb": Model(64, (200,), "yes_or_no", "adam", vocabulary=20000),
    "lstm": Model(32, (80,), "yes_or_no", "adam", vocabulary=20000),
    "gru": Model(32, (80,), "yes_or_no", "adam", vocabulary=20000),
    "resnet20": Model(64, (32, 32, 3), "class", "momentum", classes=10),
    "gpt_mini": Model(12, (64,), "next", "adamw", vocabulary=65),
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--compile", action="store_true", help="XLA or torch.compile")
    return parser.parse_args()


def batches(model):
    """Pairs of arrays (x, y). Random but fixed; targets go through all classes."""
    import numpy as np

    rng = np.random.default_rng(7)
    rows = model.batch * BATCHES
    place = np.arange(rows)
    if model.vocabulary:
        x = rng.integers(0, model.vocabulary, (rows,) + model.shape, dtype=np.int32)
    elif len(model.shape) == 3:
        x = (rng.integers(0, 256, (rows,) + model.shape) / 255).astype(np.float32)
    else:
        x = rng.random((rows,) + model.shape, dtype=np.float32)
    if model.target == "class":
        y = (place % model.classes).astype(np.int32)
    elif model.target == "next":
        y = np.roll(x, -1, axis=1)
    else:
        y = (place % 2).astype(np.float32)[:, None]
    cut = [slice(i * model.batch, (i + 1) * model.batch) for i in range(BATCHES)]
    return [(x[c], y[c]) for c in cut]


def median_time(call, block, seconds):
    """Seconds a call: the median over blocks of calls that take about `block` seconds."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        taken = time.perf_counter() - start
        if taken >= block / 2:
            break
        count *= 2
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - start) / count)
    return statistics.median(times)


def report(seconds, step, predict_one):
    """step() trains on the next batch, waits for the end, and returns something whose float()
    is the loss; predict_one() predicts one row."""
    loss = float(step())
    first = time.time() - START
    for _ in range(3):
        step()
    step_time = median_time(step, STEP_BLOCK, seconds)
    for _ in range(5):
        predict_one()
    one_time = median_time(predict_one, 1e-4, seconds / 4)
    print(
        "step_us=%.5g predict1_us=%.5g first_step_s=%.3f rss_mb=%.1f loss=%.6g last=%.6g"
        % (
            step_time * 1e6,
            one_time * 1e6,
            first,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            loss,
            float(step()),
        )
    )
