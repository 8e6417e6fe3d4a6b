#!/usr/bin/env python3
"""make_normalization.py - reference numbers of normalization; see reference.py."""

from reference import differentiated, layer_case, normal, randomise, save, word_case  # first
import keras
import tensorflow as tf

L = keras.layers


def normalization():
    moving = ["moving_mean", "moving_variance"]
    for name, shape, args, options in [
        ("matrix", (5, 3), "", {}),
        ("image", (3, 2, 4, 2), "", {}),
        ("two_rows", (2, 1), "", {}),
        ("momentum", (4, 2), "(momentum: 0.8, epsilon: 0.01)", dict(momentum=0.8, epsilon=0.01)),
        ("plain", (4, 3), "(center: false, scale: false)", dict(center=False, scale=False)),
    ]:
        names = [] if name == "plain" else ["gamma", "beta"]
        layer_case("batch_" + name,
            "x |> batch_norm" + args,
            L.BatchNormalization(**options),
            normal(*shape),
            "batch_norm",
            names,
            mode=True,
            states=moving,
        )
    for name, shape, args, options in [
        ("matrix", (3, 5), "", {}),
        ("rank_3", (2, 3, 4), "", {}),
        ("one", (2, 1), "", {}),
        ("epsilon", (2, 6), "(epsilon: 0.1)", dict(epsilon=0.1)),
        ("no_beta", (2, 3), "(center: false)", dict(center=False)),
    ]:
        names = ["gamma"] if name == "no_beta" else ["gamma", "beta"]
        layer_case("layer_" + name,
            "x |> layer_norm" + args,
            L.LayerNormalization(**options),
            normal(*shape),
            "layer_norm",
            names,
        )


def case(word, kind, name, shape, options, names, **more):
    word_case(word, kind, name, normal(*shape), (), options, names, **more)


def other_groups():
    moving = ["moving_mean", "moving_variance"]
    case("batch_norm", L.BatchNormalization, "axis", (3, 2, 4), {"axis": 1}, ["gamma", "beta"],
        mode=True, states=moving)
    case("batch_norm", L.BatchNormalization, "image_axis", (2, 3, 2, 2), {"axis": -3},
        ["gamma", "beta"], mode=True, states=moving)
    for name, shape, options in [("axes", (2, 3, 4), {"axis": (1, 2)}), ("axis", (2, 3, 4), {"axis": 1})]:
        case("layer_norm", L.LayerNormalization, name, shape, options, ["gamma", "beta"])
    for name, shape, options in [
        ("2", (2, 3, 2, 4), {"groups": 2}),
        ("matrix", (3, 6), {"groups": 3}),
        ("all", (2, 3, 4), {"groups": 1, "epsilon": 0.1}),
        ("each", (2, 4, 3), {"groups": -1}),
        ("axis", (2, 4, 3), {"groups": 2, "axis": 1}),
        ("plain", (2, 3, 4), {"groups": 2, "center": False, "scale": False}),
    ]:
        names = [] if name == "plain" else ["gamma", "beta"]
        case("group_norm", L.GroupNormalization, name, shape, options, names)
    for name, shape in [("image", (2, 3, 2, 2)), ("sequence", (1, 4, 3))]:
        layer_case("instance_norm_" + name, "x |> instance_norm", L.GroupNormalization(groups=-1),
            normal(*shape), "instance_norm", ["gamma", "beta"])
    for name, shape, options in [
        ("matrix", (3, 5), {}),
        ("axes", (2, 3, 4), {"axis": (1, 2)}),
        ("one", (2, 1), {"epsilon": 0.01}),
    ]:
        case("rms_norm", L.RMSNormalization, name, shape, options, ["gamma"])
    for name, shape, options in [("matrix", (3, 5), {}), ("axis", (2, 3, 4), {"axis": 1})]:
        case("unit_normalization", L.UnitNormalization, name, shape, options, [])


def frozen():
    """A layer that is frozen computes as in evaluation, and its statistics stay."""
    layer = L.BatchNormalization(trainable=False)
    x = normal(4, 3)
    layer(tf.constant(x))
    randomise(layer)
    named = [
        ("state" if v.name.startswith("moving") else "param", "batch_norm." + v.name, v)
        for v in layer.weights
    ]
    differentiated("batch_frozen", "x |> batch_norm", x, lambda v, training: layer(v, training=training),
        [], before=['freeze "batch_norm"'], fixed=named)


def spectral():
    """Keras assigns the divided kernel in training and uses it undivided otherwise; here it is
    divided always, by the singular value that the vector kept shows."""
    layer = L.SpectralNormalization(L.Dense(4), power_iterations=2)
    x = normal(3, 5)
    layer(tf.constant(x))
    randomise(layer)
    layer.vector_u.assign(normal(1, 4))
    dense = layer.layer

    def divided(u):
        v = tf.linalg.l2_normalize(u @ tf.transpose(dense.kernel.value))
        u = tf.linalg.l2_normalize(u)
        return dense.kernel.value / (v @ dense.kernel.value @ tf.transpose(u))

    def function(v, training):
        if not training:
            return v @ divided(layer.vector_u.value) + dense.bias
        u, kernel = layer.normalized_weights()
        vectors[0].assign(u[0])
        return v @ kernel + dense.bias

    vectors = [tf.Variable(layer.vector_u.value[0])]
    differentiated("spectral_norm", "x |> dense(4, parametrization: spectral_norm(iterations: 2))", x,
        function, [("dense.w", dense.kernel), ("dense.b", dense.bias)],
        states=[("spectral_norm.u", vectors[0])])


normalization()
other_groups()
frozen()
spectral()
save()
