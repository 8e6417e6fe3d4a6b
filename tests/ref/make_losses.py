#!/usr/bin/env python3
"""make_losses.py - reference numbers of losses; see reference.py."""

from reference import RNG, axes, normal, save, write  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf


def loss_case(name, call, x, target, target_type, function):
    tx = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tx)
        loss = tf.reduce_mean(
            function(tx, tf.constant(target, tf.int32 if target_type != "f32" else tf.float64))
        )
    program = "\n".join(
        [
            "model m {",
            "    input x: f32%s" % axes(x.shape),
            "    target t: %s%s" % (target_type, axes(target.shape)),
            "    output y = x * 1",
            "    loss " + call,
            "}",
        ]
    )
    write(name,
        program,
        [
            ("input", "x", x),
            ("target", "t", target),
            ("loss", "loss", loss.numpy()),
            ("gradient", "x", tape.gradient(loss, tx).numpy()),
        ],
    )


def losses():
    k = keras.losses
    mse, mae = k.MeanSquaredError(), k.MeanAbsoluteError()
    bce = k.BinaryCrossentropy(from_logits=True)
    sparse, dist = k.SparseCategoricalCrossentropy(from_logits=True), k.CategoricalCrossentropy(
        from_logits=True
    )
    for name, ours, theirs in [
        ("squared", "mean_squared_error", mse),
        ("absolute", "mean_absolute_error", mae),
    ]:
        loss_case(
            name, ours + "(x, t)", normal(4, 3), normal(4, 3), "f32", lambda x, t: theirs(t, x)
        )
        loss_case(
            name + "_column",
            ours + "(x, t)",
            normal(5, 1),
            normal(5),
            "f32",
            lambda x, t: theirs(t, x[:, 0]),
        )
        loss_case(
            name + "_flat", ours + "(x, t)", normal(5), normal(5), "f32", lambda x, t: theirs(t, x)
        )
    bits = RNG.integers(0, 2, 6).astype(np.float64)
    big = np.array([[40.0], [-40.0], [0.5], [-3.0], [200.0], [1e-3]])
    loss_case(
        "binary", "binary_cross_entropy(x, t)", big, bits, "i32", lambda x, t: bce(t, x[:, 0])
    )
    loss_case(
        "binary_soft",
        "binary_cross_entropy(x, t)",
        normal(3, 4),
        RNG.random((3, 4)),
        "f32",
        lambda x, t: bce(t, x),
    )
    label = RNG.integers(0, 5, 4).astype(np.float64)
    loss_case(
        "sparse", "cross_entropy(x, t)", 3 * normal(4, 5), label, "i32", lambda x, t: sparse(t, x)
    )
    loss_case(
        "sparse_far",
        "cross_entropy(x, t)",
        np.array([[1000.0, -1000.0, 999.0], [0, 0, -800]]),
        np.array([2.0, 1.0]),
        "i32",
        lambda x, t: sparse(t, x),
    )
    loss_case(
        "sparse_sequence",
        "cross_entropy(x, t)",
        normal(2, 3, 4),
        RNG.integers(0, 4, (2, 3)).astype(np.float64),
        "i32",
        lambda x, t: sparse(t, x),
    )
    loss_case(
        "sparse_column",
        "cross_entropy(x, t)",
        normal(4, 5),
        label[:, None],
        "i32",
        lambda x, t: sparse(t, x),
    )
    loss_case(
        "one_hot",
        "cross_entropy(x, t)",
        normal(4, 5),
        np.eye(5)[label.astype(int)],
        "f32",
        lambda x, t: dist(t, x),
    )
    soft = RNG.random((3, 4))
    loss_case(
        "distribution",
        "cross_entropy(x, t)",
        normal(3, 4),
        soft / soft.sum(1, keepdims=True),
        "f32",
        lambda x, t: dist(t, x),
    )


losses()
save()
