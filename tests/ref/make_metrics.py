#!/usr/bin/env python3
"""make_metrics.py - reference numbers of metrics; see reference.py."""

from reference import RNG, axes, normal, save, write  # first: it sets what Keras reads
import keras
import numpy as np


def metric_case(name, call, x, target, target_type, metric, squeeze=False):
    metric.update_state(target, x[:, 0] if squeeze else x)
    program = "\n".join(
        [
            "model m {",
            "    input x: f32%s" % axes(x.shape),
            "    target t: %s%s" % (target_type, axes(target.shape)),
            "    output y = x * 1",
            "    metric result = " + call,
            "}",
        ]
    )
    write(name,
        program,
        [("input", "x", x), ("target", "t", target), ("metric", "result", float(metric.result()))],
    )


def metrics():
    m = keras.metrics
    label = RNG.integers(0, 3, 9).astype(np.float64)
    scores = normal(9, 3)
    scores[0] = 1.0  # a tie: the first counts
    metric_case("accuracy", "accuracy(x, t)", scores, label, "i32", m.SparseCategoricalAccuracy())
    metric_case(
        "accuracy_one_hot",
        "accuracy(x, t)",
        scores,
        np.eye(3)[label.astype(int)],
        "f32",
        m.CategoricalAccuracy(),
    )
    metric_case(
        "accuracy_sequence",
        "accuracy(x, t)",
        normal(3, 2, 4),
        RNG.integers(0, 4, (3, 2)).astype(np.float64),
        "i32",
        m.SparseCategoricalAccuracy(),
    )
    bits = RNG.integers(0, 2, 11).astype(np.float64)
    metric_case(
        "binary",
        "binary_accuracy(x, t)",
        normal(11, 1),
        bits,
        "i32",
        m.BinaryAccuracy(threshold=0.0),
        True,
    )
    metric_case(
        "binary_probability",
        "binary_accuracy(x, t, threshold: 0.5)",
        RNG.random((11, 1)),
        bits,
        "i32",
        m.BinaryAccuracy(),
        True,
    )
    for ours, theirs in [
        ("mean_absolute_error", m.MeanAbsoluteError),
        ("mean_squared_error", m.MeanSquaredError),
        ("root_mean_squared_error", m.RootMeanSquaredError),
    ]:
        metric_case(ours, ours + "(x, t)", normal(5, 3), normal(5, 3), "f32", theirs())
        metric_case(
            ours + "_column", ours + "(x, t)", normal(7, 1), normal(7), "f32", theirs(), True
        )


metrics()
save()
