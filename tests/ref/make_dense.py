#!/usr/bin/env python3
"""make_dense.py - reference numbers of dense; see reference.py."""

from reference import layer_case, normal, save  # first: it sets what Keras reads
import keras

L = keras.layers


def dense():
    kb = ["w", "b"]
    for name, shape, units in [
        ("plain", (3, 5), 4),
        ("one", (1, 1), 1),
        ("rank_3", (2, 3, 4), 2),
        ("to_one", (4, 7), 1),
    ]:
        layer_case(name, "x |> dense(%d)" % units, L.Dense(units), normal(*shape), "dense", kb
        )
    layer_case("no_bias",
        "x |> dense(3, bias: false)",
        L.Dense(3, use_bias=False),
        normal(2, 4),
        "dense",
        ["w"],
    )
    layer_case("activation",
        "x |> dense(5, activation: tanh)",
        L.Dense(5, activation="tanh"),
        normal(3, 2),
        "dense",
        kb,
    )


dense()
save()
