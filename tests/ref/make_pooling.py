#!/usr/bin/env python3
"""make_pooling.py - reference numbers of pooling; see reference.py."""

from reference import layer_case, normal, save  # first: it sets what Keras reads
import keras

L = keras.layers


def pooling():
    table = [
        ("2", (2, 6, 4, 3), "2", dict(pool_size=2)),
        ("ragged", (2, 7, 5, 2), "2", dict(pool_size=2)),
        ("overlapping", (1, 6, 7, 2), "3, stride: 2", dict(pool_size=3, strides=2)),
        ("sparse", (1, 9, 8, 2), "2, stride: 3", dict(pool_size=2, strides=3)),
        ("same", (2, 5, 7, 2), "2, padding: same", dict(pool_size=2, padding="same")),
        (
            "same_3",
            (1, 6, 5, 1),
            "3, stride: 2, padding: same",
            dict(pool_size=3, strides=2, padding="same"),
        ),
        ("one", (1, 1, 1, 1), "1", dict(pool_size=1)),
    ]
    for name, shape, args, options in table:
        layer_case("max_" + name,
            "x |> max_pool2d(%s)" % args,
            L.MaxPooling2D(**options),
            normal(*shape),
            "",
            [],
        )
        layer_case("average_" + name,
            "x |> average_pool2d(%s)" % args,
            L.AveragePooling2D(**options),
            normal(*shape),
            "",
            [],
        )
    layer_case("global_average",
        "x |> global_average_pool2d",
        L.GlobalAveragePooling2D(),
        normal(2, 3, 4, 5),
        "",
        [],
    )
    layer_case("global_max",
        "x |> global_max_pool2d",
        L.GlobalMaxPooling2D(),
        normal(2, 3, 4, 5),
        "",
        [],
    )
    for shape in [(3, 2, 3, 4), (2, 5), (2, 3, 2), (1, 1, 1, 1, 1)]:
        layer_case("flatten_%d" % len(shape),
            "x |> flatten",
            L.Flatten(),
            normal(*shape),
            "",
            [],
        )


pooling()
save()
