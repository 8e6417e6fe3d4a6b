#!/usr/bin/env python3
"""make_activations.py - reference numbers of activations; see reference.py."""

from reference import differentiated, normal, save  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf


def activations():
    # TensorFlow's own takes the slope in single precision.
    leaky = lambda v, slope: tf.where(v > 0, v, slope * v)
    a = keras.activations
    x = np.concatenate([normal(2, 6), [[30.0, -30.0], [3.5, -0.001]]], axis=1)
    table = [
        ("relu", a.relu),
        ("relu6", a.relu6),
        ("leaky_relu", lambda v: leaky(v, 0.2)),
        ("elu", a.elu),
        ("selu", a.selu),
        ("silu", a.silu),
        ("softsign", a.softsign),
        ("sigmoid", a.sigmoid),
        ("tanh", a.tanh),
        ("softplus", a.softplus),
        ("exp", a.exponential),
        ("softmax", lambda v: a.softmax(v)),
        ("log_softmax", lambda v: a.log_softmax(v)),
        ("gelu", lambda v: v * 0.5 * (1 + tf.math.erf(v / np.sqrt(2.0)))),
        (
            "gelu(approximate: true)",
            lambda v: 0.5 * v * (1 + tf.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))),
        ),
        ("leaky_relu(negative_slope: 0.01)", lambda v: leaky(v, 0.01)),
        ("elu(alpha: 0.5)", lambda v: a.elu(v, alpha=0.5)),
        ("log_sum_exp", lambda v: tf.reduce_logsumexp(v, axis=-1)),
    ]
    for call, function in table:
        name = call.replace("(", "_").replace(": ", "_").replace(")", "")
        differentiated(name, "x |> " + call, x, lambda v, training: function(v), [])
    differentiated("softmax_rank_3",
        "x |> softmax",
        5 * normal(2, 3, 4),
        lambda v, training: tf.nn.softmax(v),
        [],
    )
    differentiated("softmax_one",
        "x |> softmax",
        normal(3, 1),
        lambda v, training: tf.nn.softmax(v),
        [],
    )


activations()
save()
