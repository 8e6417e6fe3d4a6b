#!/usr/bin/env python3
"""make_more_activations.py - reference numbers of the activations that make_activations.py has not,
with the kinks of each and large arguments; see reference.py."""

from reference import RNG, differentiated, layer_case, normal, save  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf


def elementwise():
    a = keras.activations
    # TensorFlow's own takes the slope in single precision.
    slope = lambda v, s: tf.where(v > 0, v, s * v)
    table = [
        ("celu", a.celu, [1e3, -1e3]),
        ("celu(alpha: 0.4)", lambda v: a.celu(v, alpha=0.4), []),
        ("elu", a.elu, [0.0, -1e3]),
        ("selu", a.selu, [0.0, -1e3]),
        ("exponential", a.exponential, []),
        ("hard_sigmoid", a.hard_sigmoid, [3.0, -3.0, 0.0]),
        ("hard_silu", a.hard_silu, [3.0, -3.0, 0.0]),
        ("hard_swish", a.hard_swish, []),
        ("hard_tanh", a.hard_tanh, [1.0, -1.0]),
        ("hard_shrink", a.hard_shrink, [0.5, -0.5]),
        ("hard_shrink(1)", lambda v: a.hard_shrink(v, threshold=1), [1.0]),
        ("soft_shrink", a.soft_shrink, [0.5, -0.5]),
        ("soft_shrink(threshold: 0.2)", lambda v: a.soft_shrink(v, threshold=0.2), []),
        ("tanh_shrink", a.tanh_shrink, [1e3]),
        ("log_sigmoid", a.log_sigmoid, [1e3, -1e3]),
        ("mish", a.mish, [1e3, -1e3]),
        ("swish", a.swish, [1e3, -1e3]),
        ("sparse_plus", a.sparse_plus, [1.0, -1.0, 0.0]),
        ("sparse_sigmoid", a.sparse_sigmoid, [1.0, -1.0, 0.0]),
        ("squareplus", a.squareplus, [0.0]),
        ("squareplus(b: 0.3)", lambda v: a.squareplus(v, b=0.3), []),
        ("threshold(0.3, -2)", lambda v: a.threshold(v, 0.3, -2.0), [0.3]),
        ("relu", a.relu, [0.0, 1e9]),
        ("relu6", a.relu6, [0.0, 6.0, 7.0]),
        ("relu(0.1)", lambda v: slope(v, 0.1), []),
        ("relu(max_value: 1.5)", lambda v: a.relu(v, max_value=1.5), []),
        ("relu(threshold: 0.7)", lambda v: a.relu(v, threshold=0.7), []),
        ("relu(0.2, 1, 0.5)", lambda v: a.relu(v, negative_slope=0.2, max_value=1.0, threshold=0.5), []),
        ("gelu", lambda v: v * 0.5 * (1 + tf.math.erf(v / np.sqrt(2.0))), [1e3, -1e3]),
        (
            "gelu(approximate: true)",
            lambda v: 0.5 * v * (1 + tf.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))),
            [1e3, -1e3],
        ),
        ("softsign", a.softsign, [0.0, 1e3]),
    ]
    for call, function, more in table:
        x = np.concatenate([2 * normal(1, 6), [more]], axis=1)
        name = call.replace("(", "_").replace(": ", "_").replace(", ", "_").replace(")", "")
        differentiated(name, "x |> " + call, x, lambda v, training: function(v), [])


def sparsemax(x, axis=-1):
    """As published (Martins and Astudillo 2016). Keras 3.15 adds up the cumulated sums of the support
    where the last of them is meant, so its values do not add up to 1."""
    z = tf.experimental.numpy.moveaxis(x, axis, -1)
    ordered = tf.sort(z, direction="DESCENDING", axis=-1)
    sums = tf.cumsum(ordered, axis=-1)
    place = tf.range(1, z.shape[-1] + 1, dtype=tf.float64)
    support = tf.cast(1 + place * ordered > sums, tf.float64)
    count = tf.reduce_sum(support, -1, keepdims=True)
    level = (tf.reduce_sum(support * ordered, -1, keepdims=True) - 1) / count
    return tf.experimental.numpy.moveaxis(tf.maximum(z - level, 0), -1, axis)


def axes():
    a = keras.activations
    for ours, theirs in [("softmax", a.softmax), ("log_softmax", a.log_softmax), ("sparsemax", sparsemax), ("glu", a.glu)]:
        for shape, axis in [((2, 6), -1), ((3, 4, 5), 1), ((2, 3, 2, 3), -2), ((1, 2, 1), 1)]:
            if ours == "glu" and shape[axis] % 2:
                continue
            differentiated("%s_%d_%d" % (ours, len(shape), axis), "x |> %s(axis: 0 + %d)" % (ours, axis) if axis < 0
                else "x |> %s(axis: %d)" % (ours, axis), normal(*shape), lambda v, training: theirs(v, axis=axis), [])
    differentiated("sparsemax_one", "x |> sparsemax", normal(3, 1), lambda v, training: sparsemax(v), [])
    differentiated("sparsemax_far", "x |> sparsemax", 100 * normal(3, 4), lambda v, training: sparsemax(v), [])


def prelu():
    for k, (shape, shared) in enumerate([((3, 4), None), ((2, 3, 5), [1]), ((2, 3, 2, 4), [1, 2]), ((1, 1), None)]):
        call = "x |> prelu(shared_axes: %s)" % shared if shared else "x |> prelu"
        layer_case("prelu_%d" % k, call, keras.layers.PReLU(shared_axes=shared), normal(*shape), "prelu", ["alpha"])


elementwise()
axes()
prelu()
save()
