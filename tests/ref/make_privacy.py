#!/usr/bin/env python3
"""make_privacy.py - reference numbers of dp_sgd's gradients: the mean over the rows of each row's
gradient, cut to a length; see reference.py."""

from reference import normal, save, write  # first: it sets what Keras reads
import numpy as np
import tensorflow as tf


def clipped(loss_of_row, params, rows, clip):
    total = [np.zeros(p.shape) for p in params]
    for row in range(rows):
        with tf.GradientTape() as tape:
            loss = loss_of_row(row)
        grads = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, params)]
        norm = np.sqrt(sum((g * g).sum() for g in grads))
        total = [t + g * min(1, clip / norm) for t, g in zip(total, grads)]
    return [t / rows for t in total]


def case(name, rows, program, net, shapes, x, clip):
    params = [(path, tf.Variable(normal(*shape) * 0.5)) for path, shape in shapes]
    y = normal(rows)
    values = [v for _, v in params]

    def row_loss(row):
        return tf.reduce_sum((net(tf.constant(x[row : row + 1]), *values) - y[row]) ** 2)

    grads = clipped(row_loss, values, rows, clip)
    tensors = [("input", "x", x), ("target", "y", y)]
    tensors += [("param", path, v.numpy()) for path, v in params]
    tensors += [("gradient", path, g) for (path, _), g in zip(params, grads)]
    text = ["model m {", "    input  x: f32[%s]" % ", ".join(["batch"] + [str(d) for d in x.shape[1:]])]
    text += ["    target y: f32[batch]", "    z = " + program, "    output z"]
    text += ["    loss   mean_squared_error(z, y)", "}", "train m {"]
    text += ["    optimizer dp_sgd(rate: 0.1, clip: %g, noise: 1, expected_batch: 4)" % clip, "    batch 5", "}"]
    write(name, "\n".join(text), tensors)


def dense(x, w, b, u, c):
    return tf.tanh(x @ w + b) @ u + c


def conv(x, k, b, u, c):
    y = tf.tanh(tf.nn.conv2d(x, k, 2, "VALID") + b)
    return tf.reshape(y, [1, -1]) @ u + c


def cut(name, rows, clip):
    case(name, rows, "x |> dense(3, tanh) |> dense(1)", dense,
        [("dense.w", (4, 3)), ("dense.b", (3,)), ("dense_1.w", (3, 1)), ("dense_1.b", (1,))],
        normal(rows, 4), clip)


cut("dense", 5, 1)
cut("one_row", 1, 0.1)
cut("nothing_cut", 3, 1000)
case("conv", 4, "x |> conv2d(2, 3, stride: 2) |> tanh |> flatten |> dense(1)", conv,
    [("conv2d.k", (3, 3, 1, 2)), ("conv2d.b", (2,)), ("dense.w", (8, 1)), ("dense.b", (1,))],
    normal(4, 6, 5, 1), 1)
save()
