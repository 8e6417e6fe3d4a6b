#!/usr/bin/env python3
"""make_other_losses.py - reference numbers of losses of numbers, distributions and embeddings, by
Keras, or by PyTorch where Keras lacks one; see reference.py."""

from reference import RNG, loss_case, normal, save, write_loss  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf
import torch

L = keras.losses


def simplex(*shape):
    e = np.exp(normal(*shape))
    return e / e.sum(-1, keepdims=True)


def torch_case(name, call, inputs, targets, function):
    """As loss_case, by PyTorch."""
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in inputs.items()}
    others = {k: torch.tensor(v) for k, (_, v) in targets.items()}
    loss = function(**tensors, **others)
    loss.backward()
    grads = {k: v.grad.numpy() for k, v in tensors.items()}
    write_loss(name, call, inputs, targets, float(loss), grads)


def regression():
    above = lambda *shape: 0.1 + RNG.random(shape) * 3
    table = [
        ("mean_squared_error", "", L.MeanSquaredError(), normal),
        ("mean_absolute_error", "", L.MeanAbsoluteError(), normal),
        ("mape", "", L.MeanAbsolutePercentageError(), normal),
        ("msle", "", L.MeanSquaredLogarithmicError(), normal),
        ("huber", "", L.Huber(), lambda *s: 2 * normal(*s)),
        ("huber", ", delta: 0.4", L.Huber(delta=0.4), normal),
        ("log_cosh", "", L.LogCosh(), lambda *s: 9 * normal(*s)),
        ("poisson", "", L.Poisson(), above),
    ]
    for ours, more, theirs, draw in table:
        name = ours + more.replace(", delta: ", "_")
        call = ours + "(x, t%s)" % more
        loss_case(name, call, {"x": draw(4, 3)}, {"t": ("f32", draw(4, 3))}, lambda x, t: theirs(t, x))
        loss_case(name + "_one", call, {"x": draw(1, 1)}, {"t": ("f32", draw(1))},
            lambda x, t: theirs(t[:, None], x))
        loss_case(name + "_rows", call[:-1] + ", weight: w)", {"x": draw(5, 2, 3)},
            {"t": ("f32", draw(5, 2, 3)), "w": ("f32", RNG.random(5))},
            lambda x, t, w: theirs(t, x, sample_weight=w[:, None]))
    for full in (False, True):
        torch_case("gaussian_nll_%d" % full, "gaussian_nll(x, t, v, full: %s)" % str(full).lower(),
            {"x": normal(4, 3), "v": above(4, 3)}, {"t": ("f32", normal(4, 3))},
            lambda x, v, t: torch.nn.functional.gaussian_nll_loss(x, t, v, full=full))


def directions():
    for shape in [(4, 3), (2, 3, 5), (3, 1)]:
        name = "x".join(map(str, shape))
        w = RNG.random(shape[:-1])
        loss_case("kl_divergence_" + name, "kl_divergence(x, t, weight: w)", {"x": simplex(*shape)},
            {"t": ("f32", simplex(*shape)), "w": ("f32", w)},
            lambda x, t, w: L.KLDivergence()(t, x, sample_weight=w))
        loss_case("cosine_similarity_" + name, "cosine_similarity(x, t, weight: w)", {"x": normal(*shape)},
            {"t": ("f32", normal(*shape)), "w": ("f32", w)},
            lambda x, t, w: L.CosineSimilarity()(t, x, sample_weight=w))
    edge = np.array([[0.0, 1.0], [0.3, 0.7]])
    loss_case("kl_divergence_edge", "kld(x, t)", {"x": edge[::-1].copy()}, {"t": ("f32", edge)},
        lambda x, t: L.KLDivergence()(t, x))


def embeddings():
    F = torch.nn.functional
    a, p, n = normal(5, 3), normal(5, 3), normal(5, 3)
    for more, k in [("", {}), (", margin: 0.5, p: 3", {"margin": 0.5, "p": 3.0}), (", swap: true", {"swap": True})]:
        torch_case("triplet_%d" % len(more), "triplet(a, b, c%s)" % more, {"a": a, "b": p, "c": n}, {},
            lambda a, b, c: F.triplet_margin_loss(a, b, c, **k))
    torch_case("triplet_weighted", "triplet(a, b, c, weight: w)", {"a": normal(2, 3, 4), "b": normal(2, 3, 4),
        "c": normal(2, 3, 4)}, {"w": ("f32", RNG.random((2, 3)))},
        lambda a, b, c, w: (w * F.triplet_margin_loss(a, b, c, reduction="none")).mean())
    bits = RNG.integers(0, 2, 5).astype(float)

    def contrastive(a, b, t, w=1.0):
        square = tf.reduce_sum((a - b) ** 2, -1)
        t = tf.cast(t, tf.float64)
        apart = tf.maximum(2 - tf.sqrt(square), 0)
        return tf.reduce_mean(w * (t * square + (1 - t) * apart**2))

    loss_case("contrastive", "contrastive(a, b, t, margin: 2, weight: w)", {"a": a, "b": p},
        {"t": ("i32", bits), "w": ("f32", RNG.random(5))}, contrastive)
    unit = lambda *s: (lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True))(normal(*s))
    for rows, kinds in [(6, 2), (7, 3), (3, 3)]:
        loss_case("circle_%d_%d" % (rows, kinds), "circle(x, t, gamma: 20, margin: 0.3)", {"x": unit(rows, 4)},
            {"t": ("i32", (np.arange(rows) % kinds).astype(float))},
            lambda x, t: tf.reduce_mean(L.circle(t, x, gamma=20, margin=0.3)))
    loss_case("circle_weighted", "circle(x, t, weight: w)", {"x": unit(6, 3)},
        {"t": ("i32", (np.arange(6) % 2).astype(float)), "w": ("f32", RNG.random(6))},
        lambda x, t, w: tf.reduce_mean(w * L.circle(t, x)))


def ctc():
    F = torch.nn.functional

    def loss(blank=0, w=None):
        def function(x, t, n=None, m=None, w=None):
            rows, times = x.shape[0], x.shape[1]
            n = torch.full((rows,), times) if n is None else n.long()
            m = (t != blank).sum(1) if m is None else m.long()
            each = F.ctc_loss(torch.log_softmax(x, -1).transpose(0, 1), t.long(), n, m, blank=blank,
                reduction="none", zero_infinity=True)
            return (each if w is None else w * each).mean()
        return function

    def labels(rows):
        return ("i32", np.array(rows, dtype=float))

    torch_case("ctc", "ctc(x, t)", {"x": normal(3, 6, 4)}, {"t": labels([[1, 2, 0], [3, 3, 1], [2, 0, 0]])}, loss())
    torch_case("ctc_lengths", "ctc(x, t, n, m)", {"x": 2 * normal(4, 5, 3)},
        {"t": labels([[1, 1], [2, 1], [1, 2], [2, 2]]), "n": labels([5, 3, 2, 4]), "m": labels([2, 2, 1, 2])}, loss())
    torch_case("ctc_blank_last", "ctc(x, t, target_length: m, blank: 3, weight: w)", {"x": normal(2, 7, 4)},
        {"t": labels([[0, 1, 2], [2, 2, 0]]), "m": labels([3, 2]), "w": ("f32", np.array([0.5, 2]))}, loss(3))
    torch_case("ctc_impossible", "ctc(x, t)", {"x": normal(2, 2, 3)}, {"t": labels([[1, 1], [1, 2]])}, loss())
    torch_case("ctc_one", "ctc(x, t)", {"x": normal(1, 1, 2)}, {"t": labels([[1]])}, loss())
    torch_case("ctc_empty", "ctc(x, t, target_length: m)", {"x": 30 * normal(2, 4, 3)},
        {"t": labels([[1], [2]]), "m": labels([0, 1])}, loss())


regression()
directions()
embeddings()
ctc()
save()
