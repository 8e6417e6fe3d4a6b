#!/usr/bin/env python3
"""make_schedules.py - reference numbers of schedules: of the rate, and of steps with it; see
reference.py. By Keras, what it lacks by PyTorch; inverse_sqrt_decay by its formula."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
from reference import save, stepping, steps_case, write
import subprocess
import sys
import jax
import keras
import numpy as np

real = np.float64  # of a Python float Keras keeps single precision
s = keras.optimizers.schedules
keras.src.ops.cos = jax.numpy.cos  # Keras computes it in single precision
STEPS = 30


def rates(name, call, values):
    """The rate of each step, as the model keeps it."""
    _, program = stepping([("w", (1,))], ["optimizer sgd(rate: %s)" % call])
    tensors = [("given", "w", np.zeros((len(values), 1)))]
    write(name, program, tensors + [("after", "schedule.rate", np.array(values))])


def of_keras(name, call, schedule):
    rates(name, call, [float(schedule(real(step))) for step in range(STEPS)])


def of_torch(name, call, schedule, steps=STEPS):
    """In a process of its own: TensorFlow and PyTorch do not go together."""
    text = """import torch
from torch.optim.lr_scheduler import *
o = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
schedule = %s
for _ in range(%d):
    print(repr(o.param_groups[0]["lr"]))
    o.step()
    schedule.step()
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", text % (schedule, steps)],
        capture_output=True, text=True, check=True)
    rates(name, call, [float(line) for line in run.stdout.split()])


of_keras("exponential", "exponential_decay(0.1, steps: 7, rate: 0.6)",
    s.ExponentialDecay(real(0.1), 7, real(0.6)))
of_keras("exponential_stairs", "exponential_decay(0.1, 7, 0.6, staircase: true)",
    s.ExponentialDecay(real(0.1), 7, real(0.6), staircase=True))
of_keras("inverse_time", "inverse_time_decay(0.1, steps: 7, rate: 0.6)",
    s.InverseTimeDecay(real(0.1), 7, real(0.6)))
of_keras("inverse_time_stairs", "inverse_time_decay(0.1, 7, 0.6, staircase: true)",
    s.InverseTimeDecay(real(0.1), 7, real(0.6), staircase=True))
of_keras("piecewise", "piecewise_constant_decay([5, 11, 12], [0.5, 0.25, 0.125, 0.0625])",
    s.PiecewiseConstantDecay([5, 11, 12], [0.5, 0.25, 0.125, 0.0625]))
of_keras("piecewise_two", "piecewise_constant_decay([0], [0.5, 0.25])",
    s.PiecewiseConstantDecay([0], [0.5, 0.25]))
of_keras("polynomial", "polynomial_decay(0.1, steps: 12)",
    s.PolynomialDecay(real(0.1), 12, real(0.0001)))
of_keras("polynomial_cycle", "polynomial_decay(0.1, 12, end: 0.01, power: 2, cycle: true)",
    s.PolynomialDecay(real(0.1), 12, real(0.01), power=2.0, cycle=True))
of_keras("cosine", "cosine_decay(0.1, steps: 20)", s.CosineDecay(real(0.1), 20))
of_keras("cosine_alpha", "cosine_decay(0.1, steps: 20, alpha: 0.25)",
    s.CosineDecay(real(0.1), 20, alpha=0.25))
of_keras("cosine_warm", "cosine_decay(0.01, 20, warmup_target: 0.1, warmup_steps: 5)",
    s.CosineDecay(real(0.01), 20, warmup_target=real(0.1), warmup_steps=5))
of_keras("restarts", "cosine_decay_restarts(0.1, first_steps: 4)",
    s.CosineDecayRestarts(real(0.1), 4))
of_keras("restarts_other", "cosine_decay_restarts(0.1, 5, t_mul: 1, m_mul: 0.5, alpha: 0.25)",
    s.CosineDecayRestarts(real(0.1), 5, t_mul=1.0, m_mul=0.5, alpha=0.25))
of_keras("restarts_half", "cosine_decay_restarts(0.1, 5, t_mul: 1.5, m_mul: 0.75, alpha: 0.125)",
    s.CosineDecayRestarts(real(0.1), 5, t_mul=1.5, m_mul=0.75, alpha=0.125))
of_torch("step", "step_decay(0.1, steps: 7)", "StepLR(o, 7, 0.1)")
of_torch("step_half", "step_decay(0.1, 3, factor: 0.5)", "StepLR(o, 3, 0.5)")
of_torch("one_cycle", "one_cycle(0.1, steps: 30)", "OneCycleLR(o, 0.1, 30)", 29)
of_torch(
    "one_cycle_linear",
    "one_cycle(0.1, 30, pct_start: 0.5, div_factor: 10, final_div_factor: 100, anneal: linear)",
    "OneCycleLR(o, 0.1, 30, pct_start=0.5, anneal_strategy='linear',"
    " div_factor=10, final_div_factor=100)",
    29,
)
of_torch(
    "warm_up_constant",
    "warm_up(constant_rate(0.1), steps: 8, start: 0.025)",
    "LinearLR(o, start_factor=0.25, total_iters=8)",
)
rates(
    "warm_up_cosine",
    "warm_up(cosine_decay(0.1, steps: 20), steps: 5)",
    [float(s.CosineDecay(0.0, 20, warmup_target=real(0.1), warmup_steps=5)(real(k))) for k in range(STEPS)],
)
rates(
    "inverse_sqrt",
    "inverse_sqrt_decay(0.1, steps: 5)",
    [0.1 * min((k + 1) / 5, (5 / (k + 1)) ** 0.5) for k in range(STEPS)],
)
steps_case(
    "adamw_cosine",
    ["optimizer adamw(rate: cosine_decay(0.1, steps: 15, alpha: 0.5), weight_decay: 0.1)"],
    keras.optimizers.AdamW(
        s.CosineDecay(real(0.1), 15, alpha=0.5), weight_decay=real(0.1), beta_1=real(0.9),
        beta_2=real(0.999),
    ),
    [("w", (2, 3))],
)
save()
