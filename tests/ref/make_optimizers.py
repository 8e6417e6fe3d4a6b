#!/usr/bin/env python3
"""make_optimizers.py - reference numbers of optimizers; see reference.py.

By Keras on JAX: on TensorFlow it keeps some of its constants in single precision, and its
ScheduleFreeAdamW reads the momentum that it has just written where it means the one before.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
from reference import save, steps_case
import keras
import numpy as np

real = np.float64  # of a Python float Keras keeps single precision
o = keras.optimizers


# Of float64 arrays Keras computes these in single precision.
def sum_of(x, axis=None, keepdims=False):
    return keras.ops.sum(x, axis=axis, keepdims=keepdims)


def norm(x, axis, keepdims):
    return keras.ops.sqrt(sum_of(x * x, axis, keepdims))


def mean(x, axis=None, keepdims=False):
    x = keras.ops.convert_to_tensor(x)
    total = sum_of(x, axis, keepdims)
    return total * (total.size / x.size)


keras.src.ops.norm = norm
keras.src.ops.mean = mean
BETAS = dict(beta_1=real(0.9), beta_2=real(0.999))


def optimizers():
    cases = [
        ("sgd", "sgd()", o.SGD(0.01)),
        ("sgd_rate", "sgd(rate: 0.3)", o.SGD(0.3)),
        ("momentum", "sgd(rate: 0.1, momentum: 0.9)", o.SGD(0.1, momentum=real(0.9))),
        (
            "nesterov",
            "sgd(rate: 0.1, momentum: 0.9, nesterov: true)",
            o.SGD(0.1, momentum=real(0.9), nesterov=True),
        ),
        ("adam", "adam()", o.Adam(0.001, **BETAS)),
        (
            "adam_other",
            "adam(rate: 0.05, beta_1: 0.8, beta_2: 0.95, epsilon: 0.01)",
            o.Adam(0.05, beta_1=real(0.8), beta_2=real(0.95), epsilon=0.01),
        ),
        ("amsgrad", "adam(rate: 0.05, amsgrad: true)", o.Adam(0.05, amsgrad=True, **BETAS)),
        ("adamw", "adamw()", o.AdamW(0.001, weight_decay=real(0.004), **BETAS)),
        (
            "adamw_other",
            "adamw(rate: 0.05, weight_decay: 0.3)",
            o.AdamW(0.05, weight_decay=real(0.3), **BETAS),
        ),
        (
            "adamw_amsgrad",
            "adamw(rate: 0.05, amsgrad: true)",
            o.AdamW(0.05, weight_decay=real(0.004), amsgrad=True, **BETAS),
        ),
        ("rmsprop", "rmsprop()", o.RMSprop(0.001, rho=real(0.9))),
        ("rmsprop_other", "rmsprop(rate: 0.02, rho: 0.7)", o.RMSprop(0.02, rho=real(0.7))),
        (
            "rmsprop_momentum",
            "rmsprop(rate: 0.02, momentum: 0.8)",
            o.RMSprop(0.02, rho=real(0.9), momentum=real(0.8)),
        ),
        (
            "rmsprop_centered",
            "rmsprop(rate: 0.02, momentum: 0.5, centered: true, epsilon: 0.001)",
            o.RMSprop(0.02, rho=real(0.9), momentum=real(0.5), centered=True, epsilon=0.001),
        ),
        ("adamax", "adamax(rate: 0.05)", o.Adamax(0.05, **BETAS)),
        (
            "adamax_other",
            "adamax(beta_1: 0.7, beta_2: 0.8, epsilon: 0.1)",
            o.Adamax(0.001, beta_1=real(0.7), beta_2=real(0.8), epsilon=0.1),
        ),
        ("nadam", "nadam(rate: 0.05)", o.Nadam(0.05, **BETAS)),
        (
            "nadam_other",
            "nadam(beta_1: 0.7, beta_2: 0.8, epsilon: 0.1)",
            o.Nadam(0.001, beta_1=real(0.7), beta_2=real(0.8), epsilon=0.1),
        ),
        ("adagrad", "adagrad(rate: 0.1)", o.Adagrad(0.1)),
        (
            "adagrad_other",
            "adagrad(initial_accumulator_value: 0.5, epsilon: 0.1)",
            o.Adagrad(0.001, initial_accumulator_value=0.5, epsilon=0.1),
        ),
        ("adadelta", "adadelta()", o.Adadelta(0.001, rho=real(0.95))),
        (
            "adadelta_other",
            "adadelta(rate: 1, rho: 0.8, epsilon: 0.01)",
            o.Adadelta(1.0, rho=real(0.8), epsilon=0.01),
        ),
        ("ftrl", "ftrl(rate: 0.1)", o.Ftrl(0.1)),
        (
            "ftrl_other",
            "ftrl(rate: 0.1, rate_power: -0.7, initial_accumulator_value: 0.3,"
            " l1_regularization_strength: 0.2, l2_regularization_strength: 0.1,"
            " l2_shrinkage_regularization_strength: 0.05, beta: 0.4)",
            o.Ftrl(
                0.1,
                learning_rate_power=-0.7,
                initial_accumulator_value=0.3,
                l1_regularization_strength=0.2,
                l2_regularization_strength=0.1,
                l2_shrinkage_regularization_strength=0.05,
                beta=0.4,
            ),
        ),
        ("lion", "lion(rate: 0.01)", o.Lion(0.01, beta_1=real(0.9), beta_2=real(0.99))),
        (
            "lion_other",
            "lion(beta_1: 0.5, beta_2: 0.6)",
            o.Lion(0.001, beta_1=real(0.5), beta_2=real(0.6)),
        ),
        ("lamb", "lamb(rate: 0.1)", o.Lamb(0.1, **BETAS)),
        (
            "lamb_other",
            "lamb(beta_1: 0.7, beta_2: 0.8, epsilon: 0.1)",
            o.Lamb(0.001, beta_1=real(0.7), beta_2=real(0.8), epsilon=0.1),
        ),
        (
            "schedule_free_adamw",
            "schedule_free_adamw()",
            o.ScheduleFreeAdamW(0.0025, epsilon=1e-8, **BETAS),
        ),
        (
            "schedule_free_adamw_other",
            "schedule_free_adamw(rate: 0.1, beta_1: 0.8, warmup_steps: 6, epsilon: 0.01)",
            o.ScheduleFreeAdamW(
                0.1, beta_1=real(0.8), beta_2=real(0.999), warmup_steps=6, epsilon=0.01
            ),
        ),
    ]
    for name, call, optimizer in cases:
        steps_case(name, ["optimizer " + call], optimizer, [("w", (2, 3))])


def shapes():
    """Of each shape of parameter something else: matrices both ways, vectors, kernels."""
    shape = [("a", (3, 5)), ("b", (4, 2)), ("c", (3,)), ("d", (2, 1, 3)), ("e", (1, 1))]
    muon = dict(
        adam_beta_1=real(0.9), adam_beta_2=real(0.999), adam_weight_decay=real(0.004),
        muon_a=real(3.4445), muon_b=real(-4.775), muon_c=real(2.0315),
        weight_decay=real(0.004), momentum=real(0.95), rms_rate=real(0.2),
    )
    steps_case("muon", ["optimizer muon(rate: 0.02)"], o.Muon(0.02, **muon), shape, count=8)
    muon.update(momentum=real(0.8), rms_rate=real(0.5))
    steps_case(
        "muon_other",
        ["optimizer muon(rate: 0.1, momentum: 0.8, nesterov: false, ns_steps: 3, rms_rate: 0.5,"
         " adam_rate_ratio: 0.1, exclude: \"b\")"],
        o.Muon(0.1, nesterov=False, ns_steps=3, adam_lr_ratio=real(0.1), exclude_layers=["b"], **muon),
        shape,
        count=8,
    )
    steps_case("adafactor", ["optimizer adafactor()"], o.Adafactor(0.001), shape, count=8)
    steps_case(
        "adafactor_other",
        ["optimizer adafactor(rate: 0.5, beta_2_decay: -0.5, epsilon_1: 1e-10, epsilon_2: 0.125,"
         " clip_threshold: 0.5)"],
        o.Adafactor(
            0.5, beta_2_decay=-0.5, epsilon_1=1e-10, epsilon_2=0.125, clip_threshold=0.5
        ),
        shape,
        count=8,
    )
    steps_case("lamb_shapes", ["optimizer lamb(rate: 0.1)"], o.Lamb(0.1, **BETAS), shape, count=8)


optimizers()
shapes()
save()
