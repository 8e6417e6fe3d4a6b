#!/usr/bin/env python3
"""make_class_losses.py - reference numbers of losses of classes; see reference.py."""

from reference import RNG, loss_case, normal, save  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf

L = keras.losses


def simplex(*shape):
    e = np.exp(normal(*shape))
    return e / e.sum(-1, keepdims=True)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def binary():
    bits = RNG.integers(0, 2, 7).astype(float)
    s, p, w = normal(7, 1) * 3, RNG.random((7, 1)), RNG.random(7)
    p[0], p[1] = 1e-9, 1 - 1e-9  # clipped
    soft = RNG.random((3, 4))

    def mean(logits, smoothing=0.0, **k):
        loss = L.BinaryCrossentropy(from_logits=logits, label_smoothing=smoothing)
        return lambda x, t, w=None: loss(t[:, None], x, sample_weight=w)

    loss_case("binary_probability", "binary_cross_entropy(x, t, from_logits: false)",
        {"x": p}, {"t": ("i32", bits)}, mean(False))
    loss_case("binary_of_keras", "binary_crossentropy(x, t)", {"x": p}, {"t": ("u8", bits)}, mean(False))
    loss_case("binary_smoothed", "binary_cross_entropy(x, t, label_smoothing: 0.2)",
        {"x": s}, {"t": ("f32", bits)}, mean(True, 0.2))
    loss_case("binary_weighted", "binary_cross_entropy(x, t, weight: w)",
        {"x": s}, {"t": ("i32", bits), "w": ("f32", w)}, mean(True))
    loss_case("binary_matrix", "binary_crossentropy(x, t, label_smoothing: 0.1, weight: w)",
        {"x": RNG.random((3, 4))}, {"t": ("f32", soft), "w": ("f32", RNG.random(3))},
        lambda x, t, w: L.BinaryCrossentropy(label_smoothing=0.1)(t, x, sample_weight=w))
    loss_case("binary_of_each_element", "binary_cross_entropy(x, t, weight: w)",
        {"x": normal(3, 4)}, {"t": ("f32", soft), "w": ("f32", RNG.random((3, 4)))},
        lambda x, t, w: tf.reduce_mean(w * tf.nn.sigmoid_cross_entropy_with_logits(t, x)))
    loss_case("binary_classes", "binary_cross_entropy(x, t, class_weight: [1, 2.5])",
        {"x": s}, {"t": ("i32", bits)},
        lambda x, t: mean(True)(x, t, tf.where(t == 1, 2.5, 1.0)))
    for balance in (False, True):
        for logits in (False, True):
            name = "binary_focal_%d%d" % (balance, logits)
            ours = "cross_entropy" if logits else "crossentropy"
            loss = L.BinaryFocalCrossentropy(apply_class_balancing=balance, alpha=0.3, gamma=1.5,
                from_logits=logits, label_smoothing=0.1)
            loss_case(name, "binary_focal_%s(x, t, apply_class_balancing: %s, alpha: 0.3, gamma: 1.5,"
                " label_smoothing: 0.1, weight: w)" % (ours, str(balance).lower()),
                {"x": s if logits else RNG.random((7, 1))}, {"t": ("i32", bits), "w": ("f32", w)},
                lambda x, t, w: loss(t[:, None], x, sample_weight=w))
    loss_case("binary_focal_plain", "binary_focal_crossentropy(x, t)",
        {"x": RNG.random((1, 1))}, {"t": ("i32", np.ones(1))},
        lambda x, t: L.BinaryFocalCrossentropy()(t[:, None], x))


def categorical():
    labels, classes = RNG.integers(0, 5, 6), 5
    weights = np.array([1, 0.5, 2, 3, 0.25])
    s, p, w = 2 * normal(6, 5), simplex(6, 5), RNG.random(6)
    hot, soft = one_hot(labels, classes), simplex(6, 5)
    cce = lambda **k: (lambda x, t, w=None: L.CategoricalCrossentropy(**k)(t, x, sample_weight=w))
    sparse = lambda **k: (lambda x, t, w=None: L.SparseCategoricalCrossentropy(**k)(t, x, sample_weight=w))
    index, list_text = ("i32", labels.astype(float)), "[1, 0.5, 2, 3, 0.25]"
    loss_case("sparse_probability", "cross_entropy(x, t, from_logits: false)", {"x": p}, {"t": index}, sparse())
    loss_case("sparse_of_keras", "sparse_categorical_crossentropy(x, t, weight: w)",
        {"x": p}, {"t": index, "w": ("f32", w)}, sparse())
    loss_case("sparse_weighted", "cross_entropy(x, t, weight: w)",
        {"x": s}, {"t": index, "w": ("f32", w)}, sparse(from_logits=True))
    loss_case("sparse_classes", "cross_entropy(x, t, class_weight: %s)" % list_text, {"x": s}, {"t": index},
        lambda x, t: sparse(from_logits=True)(x, t, tf.gather(weights, t)))
    loss_case("sparse_smoothed", "cross_entropy(x, t, label_smoothing: 0.3, class_weight: %s)" % list_text,
        {"x": s}, {"t": index}, lambda x, t: cce(from_logits=True, label_smoothing=0.3)(
            x, tf.one_hot(t, 5, dtype=tf.float64), tf.gather(weights, t)))
    loss_case("categorical_smoothed", "cross_entropy(x, t, label_smoothing: 0.3, class_weight: %s)" % list_text,
        {"x": s}, {"t": ("f32", hot)}, lambda x, t: cce(from_logits=True, label_smoothing=0.3)(
            x, t, tf.reduce_sum(t * weights, -1)))
    loss_case("categorical_probability", "cross_entropy(x, t, from_logits: false)",
        {"x": 2 * p}, {"t": ("f32", soft)}, cce())
    loss_case("categorical_clipped", "categorical_crossentropy(x, t)",
        {"x": np.array([[1e-9, 1 - 1e-9], [0.25, 0.75]])}, {"t": ("f32", np.array([[1.0, 0], [0.5, 0.5]]))}, cce())
    loss_case("categorical_of_keras", "categorical_crossentropy(x, t, label_smoothing: 0.1, weight: w)",
        {"x": p}, {"t": ("f32", hot), "w": ("f32", w)}, cce(label_smoothing=0.1))
    loss_case("categorical_sequence", "cross_entropy(x, t, weight: w)",
        {"x": normal(2, 3, 4)}, {"t": ("f32", simplex(2, 3, 4)), "w": ("f32", RNG.random((2, 3)))},
        cce(from_logits=True))
    loss_case("sequence_by_rows", "cross_entropy(x, t, weight: w)",
        {"x": normal(2, 3, 4)}, {"t": ("i32", RNG.integers(0, 4, (2, 3)).astype(float)), "w": ("f32", RNG.random(2))},
        lambda x, t, w: sparse(from_logits=True)(x, t, w[:, None]))
    focal = lambda **k: (lambda x, t, w=None: L.CategoricalFocalCrossentropy(**k)(t, x, sample_weight=w))
    loss_case("categorical_focal", "categorical_focal_crossentropy(x, t)", {"x": p}, {"t": ("f32", hot)}, focal())
    loss_case("categorical_focal_logits", "categorical_focal_cross_entropy(x, t, alpha: 0.4, gamma: 3,"
        " label_smoothing: 0.2, weight: w)", {"x": s}, {"t": ("f32", hot), "w": ("f32", w)},
        focal(alpha=0.4, gamma=3, from_logits=True, label_smoothing=0.2))
    loss_case("categorical_focal_classes", "categorical_focal_cross_entropy(x, t, alpha: %s)" % list_text,
        {"x": s}, {"t": index},
        lambda x, t: focal(alpha=weights, from_logits=True)(x, tf.one_hot(t, 5, dtype=tf.float64)))
    for q in (0.7, 0.25):
        general = L.CategoricalGeneralizedCrossEntropy(q=q)
        loss_case("generalized_%g" % q, "categorical_generalized_cross_entropy(x, t, %g, from_logits: false)" % q,
            {"x": p}, {"t": index}, lambda x, t: general(t, x))
    loss_case("generalized_logits", "categorical_generalized_cross_entropy(x, t, 0.3)",
        {"x": s}, {"t": index}, lambda x, t: L.CategoricalGeneralizedCrossEntropy(q=0.3)(t, tf.nn.softmax(x)))
    loss_case("categorical_hinge", "categorical_hinge(x, t, weight: w)",
        {"x": s}, {"t": ("f32", hot), "w": ("f32", w)},
        lambda x, t, w: L.CategoricalHinge()(t, x, sample_weight=w))
    loss_case("categorical_hinge_sparse", "categorical_hinge(x, t)", {"x": s}, {"t": index},
        lambda x, t: L.CategoricalHinge()(tf.one_hot(t, 5, dtype=tf.float64), x))


def others():
    bits, signs = RNG.integers(0, 2, (4, 3)).astype(float), RNG.integers(0, 2, 5) * 2.0 - 1
    for ours, theirs in [("hinge", L.Hinge()), ("squared_hinge", L.SquaredHinge())]:
        loss_case(ours, ours + "(x, t)", {"x": normal(4, 3)}, {"t": ("i32", bits)}, lambda x, t: theirs(tf.cast(t, tf.float64), x))
        loss_case(ours + "_signs", ours + "(x, t, weight: w)", {"x": normal(5, 1)},
            {"t": ("f32", signs), "w": ("f32", RNG.random(5))},
            lambda x, t, w: theirs(t[:, None], x, sample_weight=w))
    p = RNG.random((4, 3))
    loss_case("dice", "dice(x, t)", {"x": p}, {"t": ("f32", bits)}, lambda x, t: L.Dice()(t, x))
    loss_case("dice_rows", "dice(x, t, per_row: true, weight: w)", {"x": RNG.random((2, 3, 2))},
        {"t": ("i32", RNG.integers(0, 2, (2, 3, 2)).astype(float)), "w": ("f32", RNG.random(2))},
        lambda x, t, w: tf.reduce_mean(w * L.dice(tf.cast(t, tf.float64), x, axis=(1, 2))))
    loss_case("tversky", "tversky(x, t, alpha: 0.3, beta: 0.9)", {"x": p}, {"t": ("f32", bits)},
        lambda x, t: L.Tversky(alpha=0.3, beta=0.9)(t, x))
    loss_case("tversky_rows", "tversky(x, t, per_row: true)", {"x": p}, {"t": ("f32", bits)},
        lambda x, t: tf.reduce_mean(L.tversky(t, x, axis=(1,))))


binary()
categorical()
others()
save()
