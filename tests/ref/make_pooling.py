#!/usr/bin/env python3
"""make_pooling.py - reference numbers of pooling; see reference.py."""

from reference import differentiated, layer_case, normal, save, text, word_case  # first
import keras
import tensorflow as tf

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


def pool_case(word, kind, name, shape, options):
    word_case(word, kind, name, normal(*shape), (), options)


def three_axes(name, shape, size, stride=None, padding="valid"):
    """max_pool3d and average_pool3d, which TensorFlow has in single precision only: from their
    windows' places, each a strided slice."""
    sizes = size if isinstance(size, tuple) else (size,) * 3
    strides = stride or sizes
    outs, pads = [], []
    for n, w, s in zip(shape[1:4], sizes, strides):
        out = (n - w) // s + 1 if padding == "valid" else -(-n // s)
        short = max((out - 1) * s + w - n, 0)
        outs.append(out)
        pads.append((short // 2, short - short // 2))

    def places(v, outside):
        v = tf.pad(v, [(0, 0)] + pads + [(0, 0)], constant_values=outside)
        ends = [(out - 1) * s + 1 for out, s in zip(outs, strides)]
        return [
            v[:, p : p + ends[0] : strides[0], q : q + ends[1] : strides[1],
                r : r + ends[2] : strides[2]]
            for p in range(sizes[0]) for q in range(sizes[1]) for r in range(sizes[2])
        ]

    def greatest(v, training):
        return tf.reduce_max(places(v, -1e9), axis=0)

    def average(v, training):
        return tf.add_n(places(v, 0)) / tf.add_n(places(tf.ones_like(v), 0))

    args = ["size: " + text(size)] + (["stride: " + text(stride)] if stride else [])
    call = "(%s, padding: %s)" % (", ".join(args), padding)
    differentiated("max_pool3d_" + name, "x |> max_pool3d" + call, normal(*shape), greatest, [])
    differentiated("average_pool3d_" + name, "x |> average_pool3d" + call, normal(*shape), average, [])


def other_axes():
    for name, shape, options in [
        ("2", (2, 6, 3), {"size": 2}),
        ("ragged", (2, 7, 2), {"size": 3}),
        ("stride", (1, 8, 2), {"size": 2, "stride": 3}),
        ("same", (2, 7, 2), {"size": 3, "stride": 2, "padding": "same"}),
        ("one", (1, 1, 1), {"size": 1}),
    ]:
        pool_case("max_pool1d", L.MaxPooling1D, name, shape, options)
        pool_case("average_pool1d", L.AveragePooling1D, name, shape, options)
    for name, shape, options in [
        ("sizes", (1, 6, 7, 2), {"size": (3, 2), "stride": (1, 2)}),
        ("same_sizes", (2, 5, 6, 1), {"size": (2, 3), "stride": (3, 2), "padding": "same"}),
    ]:
        pool_case("max_pool2d", L.MaxPooling2D, name, shape, options)
        pool_case("average_pool2d", L.AveragePooling2D, name, shape, options)
    for name, shape, options in [
        ("2", (1, 4, 5, 4, 2), {"size": 2}),
        ("sizes", (1, 3, 5, 4, 1), {"size": (1, 3, 2), "stride": (2, 1, 2)}),
        ("same", (1, 3, 4, 5, 1), {"size": 2, "stride": (2, 3, 1), "padding": "same"}),
        ("one", (1, 1, 1, 1, 1), {"size": 1}),
    ]:
        three_axes(name, shape, **options)


def whole():
    for word, kind, shape in [
        ("global_average_pool1d", L.GlobalAveragePooling1D, (2, 3, 4)),
        ("global_max_pool1d", L.GlobalMaxPooling1D, (2, 3, 4)),
        ("global_average_pool2d", L.GlobalAveragePooling2D, (2, 3, 2, 4)),
        ("global_max_pool2d", L.GlobalMaxPooling2D, (2, 3, 2, 4)),
        ("global_average_pool3d", L.GlobalAveragePooling3D, (2, 3, 1, 2, 4)),
        ("global_max_pool3d", L.GlobalMaxPooling3D, (2, 3, 1, 2, 4)),
    ]:
        pool_case(word, kind, "kept", shape, {"keepdims": True})
        pool_case(word, kind, "plain", shape, {})


def adapted(v, sizes, fold):
    """Over three axes, whose windows TensorFlow has in single precision only."""
    for axis, size in enumerate(sizes, start=1):
        n = v.shape[axis]
        parts = [
            fold(tf.gather(v, range(i * n // size, -(-(i + 1) * n // size)), axis=axis), axis=axis)
            for i in range(size)
        ]
        v = tf.stack(parts, axis=axis)
    return v


def adaptive():
    for name, shape, size in [("3", (2, 7, 2), 3), ("even", (1, 6, 2), 2), ("all", (1, 3, 1), 3)]:
        word_case("adaptive_max_pool1d", L.AdaptiveMaxPooling1D, name, normal(*shape), (size,), {})
        word_case("adaptive_average_pool1d", L.AdaptiveAveragePooling1D, name, normal(*shape),
            (size,), {})
    for name, shape, size in [("sizes", (2, 7, 5, 2), (3, 4)), ("square", (1, 4, 3, 2), 2)]:
        word_case("adaptive_max_pool2d", L.AdaptiveMaxPooling2D, name, normal(*shape), (size,), {})
        word_case("adaptive_average_pool2d", L.AdaptiveAveragePooling2D, name, normal(*shape),
            (size,), {})
    for word, fold in [("max", tf.reduce_max), ("average", tf.reduce_mean)]:
        differentiated("adaptive_%s_pool3d" % word, "x |> adaptive_%s_pool3d([2, 3, 3])" % word,
            normal(1, 3, 5, 4, 1), lambda v, training: adapted(v, (2, 3, 3), fold), [])


pooling()
other_axes()
whole()
adaptive()
save()
