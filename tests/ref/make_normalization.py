#!/usr/bin/env python3
"""make_normalization.py - reference numbers of normalization; see reference.py."""

from reference import layer_case, normal, save  # first: it sets what Keras reads
import keras

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


normalization()
save()
