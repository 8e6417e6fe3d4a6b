#!/usr/bin/env python3
"""make_conv2d.py - reference numbers of conv2d; see reference.py."""

from reference import differentiated, layer_case, normal, save  # first: it sets what Keras reads
import keras
import tensorflow as tf

L = keras.layers


def conv2d():
    table = [
        ("valid", (2, 6, 5, 3), 4, 3, {}),
        ("one", (1, 1, 1, 1), 1, 1, {}),
        ("one_pixel_same", (2, 1, 1, 2), 3, 3, {"padding": "same"}),
        ("stride_2", (2, 7, 6, 2), 3, 3, {"stride": 2}),
        ("stride_3", (1, 8, 11, 2), 2, 2, {"stride": 3}),
        ("stride_beyond_kernel", (2, 9, 8, 1), 2, 2, {"stride": 4}),
        ("same", (2, 5, 4, 2), 3, 3, {"padding": "same"}),
        ("same_even_kernel", (1, 5, 6, 2), 2, 4, {"padding": "same"}),
        ("same_stride_2", (2, 5, 6, 2), 3, 3, {"padding": "same", "stride": 2}),
        ("same_stride_3", (2, 7, 8, 1), 2, 4, {"padding": "same", "stride": 3}),
        ("dilation_2", (2, 7, 8, 2), 2, 3, {"dilation": 2}),
        ("dilation_3_same", (1, 6, 7, 2), 2, 2, {"dilation": 3, "padding": "same"}),
    ]
    for name, shape, filters, kernel, options in table:
        args = "".join(", %s: %s" % (k, v) for k, v in options.items())
        layer = L.Conv2D(
            filters,
            kernel,
            strides=options.get("stride", 1),
            padding=options.get("padding", "valid"),
            dilation_rate=options.get("dilation", 1),
        )
        layer_case(name,
            "x |> conv2d(%d, %d%s)" % (filters, kernel, args),
            layer,
            normal(*shape),
            "conv2d",
            ["k", "b"],
        )
    grouped("groups_2", normal(2, 5, 5, 4), 6, 3, 2)
    grouped("depthwise", normal(1, 4, 5, 3), 6, 2, 3)


def grouped(name, x, filters, kernel, groups):
    size, share = x.shape[3] // groups, filters // groups
    k = tf.Variable(normal(kernel, kernel, size, filters))
    b = tf.Variable(normal(filters))

    def function(v, training):
        parts = [
            tf.nn.conv2d(
                v[..., g * size : (g + 1) * size], k[..., g * share : (g + 1) * share], 1, "VALID"
            )
            for g in range(groups)
        ]
        return tf.concat(parts, axis=3) + b

    differentiated(name,
        "x |> conv2d(%d, %d, groups: %d)" % (filters, kernel, groups),
        x,
        function,
        [("conv2d.k", k), ("conv2d.b", b)],
    )


conv2d()
save()
