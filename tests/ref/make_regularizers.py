#!/usr/bin/env python3
"""make_regularizers.py - reference numbers of regularizers: what they add to the loss, and its
gradients; see reference.py."""

from reference import normal, save, write  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf

r = keras.regularizers
real = np.float64


def double(x):
    return tf.constant(x, dtype=tf.float64)


def l1_l2(l1, l2):
    return lambda w: double(l1) * tf.reduce_sum(abs(w)) + double(l2) * tf.reduce_sum(w * w)


def cosines(factor, columns):
    def of(w):
        u = tf.math.l2_normalize(tf.transpose(w) if columns else w, axis=1)
        m = abs(tf.matmul(u, u, transpose_b=True))
        n = m.shape[0]
        return double(factor) * (tf.reduce_sum(m) - tf.reduce_sum(tf.linalg.diag_part(m))) / (n * (n - 1))

    return of


def case(name, call, keras_one, ours, shape, lines=(), penalty=True):
    """`ours` is Keras's formula with its constants in double precision; they must agree."""
    w = normal(*shape)
    v = tf.Variable(w)
    with tf.GradientTape() as tape:
        loss = ours(v)
    assert abs(float(keras_one(tf.constant(w, tf.float32))) - float(loss)) < 1e-6 * max(1, abs(float(loss))), name
    dims = ", ".join(str(d) for d in shape)
    program = ["model m {", "    input x: f32[batch]", "    param w: f32[%s] = ones()" % dims]
    if penalty:
        program.append("    penalty %s" % call)
    program += ["    y = x", "    output y", "    loss mean(0 * y)", "}"]
    if lines:
        program += ["train m {", "    optimizer sgd()"] + ["    " + line for line in lines] + ["}"]
    write(name, "\n".join(program), [
        ("input", "x", np.zeros(2)), ("param", "w", w),
        ("loss", "loss", loss.numpy()), ("gradient", "w", tape.gradient(loss, v).numpy()),
    ])


for shape in [(3, 4), (1, 1), (5,), (2, 1, 3)]:
    name = "_".join(str(d) for d in shape)
    case("l1_" + name, "l1(w)", r.L1(0.01), l1_l2(0.01, 0), shape)
    case("l2_" + name, "l2(w, 0.3)", r.L2(0.3), l1_l2(0, 0.3), shape)
    case("l1_l2_" + name, "l1_l2(w, l1: 0.2, l2: 0.3)", r.L1L2(0.2, 0.3), l1_l2(0.2, 0.3), shape)
case("rows", "orthogonal_regularizer(w)", r.OrthogonalRegularizer(), cosines(0.01, False), (3, 4))
case("two_rows", "orthogonal_regularizer(w, 0.5)", r.OrthogonalRegularizer(0.5), cosines(0.5, False), (2, 1))
case("columns", "orthogonal_regularizer(w, 0.5, mode: columns)",
    r.OrthogonalRegularizer(0.5, mode="columns"), cosines(0.5, True), (3, 5))
case("by_pattern", "", r.L2(0.3), l1_l2(0, 0.3), (2, 3), ['regularizer l2(0.3) on "w"'], False)
case("by_default", "", r.L1(0.01), l1_l2(0.01, 0), (2, 3), ["regularizer l1"], False)


def activity(name, shape):
    """Keras divides what a layer's output adds by the rows."""
    layer = keras.layers.ActivityRegularization(l1=0.25, l2=0.125)
    x = normal(*shape)
    v = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = (0.25 * tf.reduce_sum(abs(v)) + 0.125 * tf.reduce_sum(v * v)) / shape[0]
    layer(tf.constant(x))
    assert abs(float(layer.losses[0]) - float(loss)) < 1e-6, name
    dims = ", ".join(["batch"] + [str(d) for d in shape[1:]])
    program = ["model m {", "    input x: f32[%s]" % dims,
        "    y = x |> activity_regularization(l1: 0.25, l2: 0.125)", "    output y",
        "    loss 0 * mean(y)", "}"]
    write(name, "\n".join(program), [("input", "x", x), ("output", "y", x),
        ("loss", "loss", loss.numpy()), ("gradient", "x", tape.gradient(loss, v).numpy())])


activity("activity", (3, 4))
activity("activity_one", (1, 1))
activity("activity_image", (2, 3, 2, 1))
save()
