#!/usr/bin/env python3
"""make_updates.py - reference numbers of what a train block does beside its optimizer: clipping,
weight decay, constraints, averages, rates of groups; see reference.py."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
from reference import save, steps_case
import keras
import numpy as np

real = np.float64  # of a Python float Keras keeps single precision
o = keras.optimizers
c = keras.constraints
BETAS = dict(beta_1=real(0.9), beta_2=real(0.999))
SHAPES = [("a", (2, 3)), ("b", (3,)), ("k", (2, 2, 1, 3)), ("one", (1, 1))]
ADAM = "optimizer adam(rate: 0.05)"


def case(name, lines, optimizer, constraint=None, after=None):
    steps_case(name, lines, optimizer, SHAPES, count=8, after=after,
        constraints={path: constraint for path, _ in SHAPES})


case("clip_value", [ADAM, "clip_value 0.7"], o.Adam(0.05, clipvalue=real(0.7), **BETAS))
case("clip_norm", ["optimizer sgd(rate: 0.1)", "clip_norm 0.7"], o.SGD(0.1, clipnorm=real(0.7)))
case("clip_norm_adam", ["clip_norm limit: 2", ADAM], o.Adam(0.05, clipnorm=real(2), **BETAS))
case("clip_global_norm", ["optimizer sgd(rate: 0.1)", "clip_global_norm 2.5"],
    o.SGD(0.1, global_clipnorm=real(2.5)))
case("clip_global_norm_adam", [ADAM, "clip_global_norm"],
    o.Adam(0.05, global_clipnorm=real(1), **BETAS))
case("decay", [ADAM, "decay 0.1"], o.Adam(0.05, weight_decay=real(0.1), **BETAS))
case("decay_lamb", ["optimizer lamb(rate: 0.05)", "decay 0.1"],
    o.Lamb(0.05, weight_decay=real(0.1), **BETAS))
excluding = o.Adam(0.05, weight_decay=real(0.1), **BETAS)
excluding.exclude_from_weight_decay(var_names=["^b$", "^k$"])
case("decay_except", [ADAM, 'decay 0.1 except "b", "k"'], excluding)
excluding = o.Adam(0.05, weight_decay=real(0.1), **BETAS)
excluding.exclude_from_weight_decay(var_names=["^b$", "^k$"])
case("decay_none", [ADAM, 'decay 0 on "b", "k"', "decay 0.1"], excluding)
sgd = "optimizer sgd(rate: 0.3, momentum: 0.5)"
case("max_norm", [sgd, "constraint max_norm(0.5)"], o.SGD(0.3, momentum=real(0.5)),
    c.MaxNorm(0.5))
case("min_max_norm", [sgd, "constraint min_max_norm(min_value: 0.5, max_value: 1.5, rate: 0.75)"],
    o.SGD(0.3, momentum=real(0.5)), c.MinMaxNorm(0.5, 1.5, rate=0.75))
case("unit_norm", [sgd, "constraint unit_norm()"], o.SGD(0.3, momentum=real(0.5)), c.UnitNorm())
case("non_neg", [sgd, "constraint non_neg"], o.SGD(0.3, momentum=real(0.5)), c.NonNeg())
kernels = {"k": c.MaxNorm(0.75, axis=[0, 1, 2]), "a": c.UnitNorm(1)}
steps_case("axes", [sgd, 'constraint max_norm(0.75, axis: [0, 1, 2]) on "k"',
    'constraint unit_norm(axis: 1) on "a"'], o.SGD(0.3, momentum=real(0.5)), SHAPES, count=8,
    constraints=kernels)


def averages(optimizer):
    return lambda w: [
        ("average/" + v.name, mean)
        for v, mean in zip(w, optimizer._model_variables_moving_average)
    ]


ema = o.Adam(0.05, use_ema=True, ema_momentum=real(0.8), **BETAS)
case("average", [ADAM, "average 0.8"], ema, after=averages(ema))
ema = o.SGD(0.3, use_ema=True, ema_momentum=real(0.99))
case("average_default", ["optimizer sgd(rate: 0.3)", "average"], ema, after=averages(ema))


class Groups:
    """An optimizer for each parameter, with its own rate."""

    def __init__(self, factor):
        self.each = {path: o.SGD(real(0.05 * f), momentum=real(0.5)) for path, f in factor.items()}

    def apply(self, gradients, w):
        for v, g in zip(w, gradients):
            self.each[v.name].apply([g], [v])


group = "optimizer sgd(rate: 0.05, momentum: 0.5)"
case("rate_factor", [group, 'rate_factor 0.1 on "a", "k"', 'rate_factor 3 on "b"'],
    Groups(dict(a=0.1, k=0.1, b=3, one=1)))
case("layer_rates", [group, "layer_rates 0.5"], Groups(dict(a=0.125, b=0.25, k=0.5, one=1)))
case("layer_rates_and_factor", [group, "layer_rates 0.5", 'rate_factor 4 on "b"'],
    Groups(dict(a=0.125, b=1, k=0.5, one=1)))
save()
