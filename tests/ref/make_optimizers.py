#!/usr/bin/env python3
"""make_optimizers.py - reference numbers of optimizers; see reference.py."""

from reference import normal, save, write  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf


def optimizers():
    real = np.float64  # of a Python float Keras keeps single precision
    o = keras.optimizers
    table = [
        ("sgd", "sgd()", o.SGD(0.01)),
        ("sgd_rate", "sgd(rate: 0.3)", o.SGD(0.3)),
        ("momentum", "sgd(rate: 0.1, momentum: 0.9)", o.SGD(0.1, momentum=real(0.9))),
        (
            "nesterov",
            "sgd(rate: 0.1, momentum: 0.9, nesterov: true)",
            o.SGD(0.1, momentum=real(0.9), nesterov=True),
        ),
        ("adam", "adam()", o.Adam(0.001, beta_1=real(0.9), beta_2=real(0.999))),
        (
            "adam_other",
            "adam(rate: 0.05, beta_1: 0.8, beta_2: 0.95, epsilon: 0.01)",
            o.Adam(0.05, beta_1=real(0.8), beta_2=real(0.95), epsilon=0.01),
        ),
        ("rmsprop", "rmsprop()", o.RMSprop(0.001, rho=real(0.9))),
        ("rmsprop_other", "rmsprop(rate: 0.02, rho: 0.7)", o.RMSprop(0.02, rho=real(0.7))),
    ]
    optimizer_cases(table)


def decay():
    o = keras.optimizers
    real = np.float64  # of a Python float Keras keeps single precision
    betas = dict(beta_1=real(0.9), beta_2=real(0.999))
    optimizer_cases([
        ("adamw", "adamw()", o.AdamW(0.001, weight_decay=real(0.004), **betas)),
        (
            "adamw_other",
            "adamw(rate: 0.05, weight_decay: 0.3)",
            o.AdamW(0.05, weight_decay=real(0.3), **betas),
        ),
    ])


def optimizer_cases(table):
    for name, call, optimizer in table:
        start, given = normal(2, 3), normal(20, 2, 3)
        given[3] = 0
        given[:, 1, 2] = 0  # a place that never has a gradient
        given[7] *= 100
        w = keras.Variable(start, dtype="float64")
        after = []
        for g in given:
            optimizer.apply([tf.constant(g)], [w])
            after.append(w.numpy().copy())
        program = "\n".join(
            [
                "model m {",
                "    input x: f32[batch, 2]",
                "    param w: f32[2, 3] = zeros()",
                "    y = x @ w",
                "    output y",
                "    loss sum(...) y[...] * y[...]",
                "}",
                "train m {",
                "    optimizer " + call,
                "    batch 1",
                "}",
            ]
        )
        write(name,
            program,
            [("param", "w", start), ("given", "w", given), ("after", "w", np.array(after))],
        )


optimizers()
decay()
save()
