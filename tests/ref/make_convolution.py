#!/usr/bin/env python3
"""make_convolution.py - reference numbers of conv1d, conv3d, sizes that differ by axis,
and convolutions by channels; see reference.py."""

from reference import differentiated, normal, save, word_case  # first: it sets what Keras reads
import keras
import tensorflow as tf

L = keras.layers


def case(word, kind, name, shape, places, options, names):
    names = names if options.get("bias", True) else names[:-1]
    word_case(word, kind, name, normal(*shape), places, options, names)


def plain():
    for name, shape, filters, kernel, options in [
        ("valid", (2, 7, 3), 4, 3, {}),
        ("one", (1, 1, 1), 1, 1, {}),
        ("same", (2, 6, 2), 3, 4, {"padding": "same"}),
        ("same_stride", (2, 8, 2), 3, 3, {"padding": "same", "stride": 3}),
        ("causal", (2, 6, 2), 3, 3, {"padding": "causal"}),
        ("causal_dilation", (1, 7, 2), 2, 3, {"padding": "causal", "dilation": 2}),
        ("causal_stride", (1, 8, 2), 2, 3, {"padding": "causal", "stride": 3}),
        ("stride", (2, 9, 2), 3, 2, {"stride": 4}),
        ("dilation", (2, 9, 2), 3, 3, {"dilation": 3, "bias": False}),
        ("whole", (2, 4, 2), 3, 4, {}),
    ]:
        case("conv1d", L.Conv1D, name, shape, (filters, kernel), options, ["k", "b"])
    for name, shape, filters, kernel, options in [
        ("kernel", (2, 6, 5, 2), 3, (2, 3), {}),
        ("all", (1, 7, 8, 2), 2, (3, 2), {"stride": (2, 3), "padding": "same"}),
        ("dilation", (1, 7, 6, 2), 2, (2, 3), {"dilation": (3, 1)}),
        ("line", (1, 1, 6, 2), 2, (1, 3), {"stride": (1, 2)}),
    ]:
        case("conv2d", L.Conv2D, name, shape, (filters, kernel), options, ["k", "b"])
    for name, shape, filters, kernel, options in [
        ("valid", (2, 3, 4, 5, 2), 3, 2, {}),
        ("one", (1, 1, 1, 1, 1), 1, 1, {}),
        ("sizes", (1, 4, 5, 3, 2), 2, (2, 1, 3), {"stride": (1, 2, 1)}),
        ("same", (1, 3, 4, 5, 2), 2, 3, {"padding": "same", "stride": 2}),
        ("same_sizes", (1, 5, 3, 4, 1), 2, (2, 3, 1), {"padding": "same", "stride": (3, 1, 2)}),
        ("no_bias", (1, 2, 3, 2, 2), 2, 2, {"bias": False}),
    ]:
        case("conv3d", L.Conv3D, name, shape, (filters, kernel), options, ["k", "b"])


def parts(name, call, path, x, kernel, groups, convolve):
    """In groups, whose gradients TensorFlow has on no CPU: each group by itself, then joined."""
    size, share = x.shape[-1] // groups, kernel.shape[-1] // groups
    k = tf.Variable(kernel)
    b = tf.Variable(normal(kernel.shape[-1]))

    def function(v, training):
        done = [
            convolve(
                v[..., g * size : (g + 1) * size], k[..., g * share : (g + 1) * share]
            )
            for g in range(groups)
        ]
        return tf.concat(done, axis=-1) + b

    differentiated(name, call, x, function, [(path + ".k", k), (path + ".b", b)])


def grouped():
    parts("conv1d_groups", "x |> conv1d(6, 3, groups: 2, stride: 2, padding: same)", "conv1d",
        normal(2, 7, 4), normal(3, 2, 6), 2, lambda v, k: tf.nn.conv1d(v, k, 2, "SAME"))
    parts("conv1d_depthwise", "x |> conv1d(6, 2, groups: 3)", "conv1d",
        normal(2, 5, 3), normal(2, 1, 6), 3, lambda v, k: tf.nn.conv1d(v, k, 1, "VALID"))
    parts("conv2d_groups", "x |> conv2d(4, [2, 3], groups: 2, stride: [1, 2])", "conv2d",
        normal(1, 4, 6, 6), normal(2, 3, 3, 4), 2,
        lambda v, k: tf.nn.conv2d(v, k, (1, 2), "VALID"))
    parts("conv3d_groups", "x |> conv3d(4, 2, groups: 2)", "conv3d",
        normal(1, 3, 4, 2, 4), normal(2, 2, 2, 2, 4), 2,
        lambda v, k: tf.nn.conv3d(v, k, (1, 1, 1, 1, 1), "VALID"))


def with_gaps(k):
    """The kernel with the gaps of dilation 2, 1, 2 filled by zeros."""
    places = [[2 * p, q, 2 * r] for p in range(2) for q in range(2) for r in range(3)]
    return tf.scatter_nd(places, tf.reshape(k, (12, 2, 2)), (3, 2, 5, 2, 2))


def dilated():
    """Along three axes, where TensorFlow has no gradient."""
    x, k, b = normal(1, 5, 4, 6, 2), tf.Variable(normal(2, 2, 3, 2, 2)), tf.Variable(normal(2))

    def function(v, training):
        return tf.nn.conv3d(v, with_gaps(k), (1, 1, 1, 1, 1), "VALID") + b

    differentiated("conv3d_dilation", "x |> conv3d(2, [2, 2, 3], dilation: [2, 1, 2])", x, function,
        [("conv3d.k", k), ("conv3d.b", b)])


def by_channels():
    for name, shape, kernel, options in [
        ("valid", (2, 6, 3), 3, {}),
        ("one", (1, 1, 1), 1, {}),
        ("many", (2, 7, 2), 2, {"depth_multiplier": 3, "padding": "same"}),
        ("stride", (2, 8, 2), 3, {"stride": 3, "padding": "same"}),
        ("no_bias", (2, 5, 2), 2, {"bias": False}),
    ]:
        case("depthwise_conv1d", L.DepthwiseConv1D, name, shape, (kernel,), options, ["k", "b"])
    for name, shape, kernel, options in [
        ("valid", (2, 5, 4, 3), 3, {}),
        ("one", (1, 1, 1, 1), 1, {}),
        ("many", (2, 5, 4, 2), (2, 3), {"depth_multiplier": 2, "padding": "same"}),
        ("stride", (1, 7, 8, 2), 3, {"stride": 2, "padding": "same"}),
        ("stride_2", (1, 9, 7, 2), 2, {"stride": 3}),
        ("dilation", (1, 6, 7, 2), 2, {"dilation": 2}),
    ]:
        case("depthwise_conv2d", L.DepthwiseConv2D, name, shape, (kernel,), options, ["k", "b"])
    names = ["depthwise.k", "pointwise.k", "pointwise.b"]
    for name, shape, filters, kernel, options in [
        ("valid", (2, 6, 3), 4, 3, {}),
        ("same", (2, 7, 2), 3, 2, {"padding": "same", "stride": 2, "depth_multiplier": 2}),
    ]:
        case("separable_conv1d", L.SeparableConv1D, name, shape, (filters, kernel), options, names)
    for name, shape, filters, kernel, options in [
        ("valid", (2, 5, 4, 3), 4, 3, {}),
        ("same", (1, 6, 7, 2), 3, (3, 2), {"padding": "same", "depth_multiplier": 2}),
        ("stride", (1, 6, 7, 2), 2, 3, {"stride": 2, "bias": False}),
    ]:
        case("separable_conv2d", L.SeparableConv2D, name, shape, (filters, kernel), options, names)


plain()
grouped()
dilated()
by_channels()
save()
