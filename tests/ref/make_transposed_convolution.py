#!/usr/bin/env python3
"""make_transposed_convolution.py - reference numbers of transposed convolutions; see reference.py."""

from reference import differentiated, normal, save, text, word_case  # first: it sets what Keras reads
import itertools

import keras
import tensorflow as tf

L = keras.layers


def case(word, kind, name, shape, places, options, names):
    names = names if options.get("bias", True) else names[:-1]
    word_case(word, kind, name, normal(*shape), places, options, names)


def with_gaps(k, dilation):
    """The kernel with the gaps filled by zeros."""
    sizes = k.shape[:-2]
    places = list(itertools.product(*[range(n) for n in sizes]))
    return tf.scatter_nd(
        [[p * d for p, d in zip(place, dilation)] for place in places],
        tf.reshape(k, (len(places),) + tuple(k.shape[-2:])),
        [(n - 1) * d + 1 for n, d in zip(sizes, dilation)] + list(k.shape[-2:]),
    )


def transposed_with_gaps(word, name, shape, kernel, dilation, padding):
    """Dilated, where TensorFlow has it on no CPU."""
    x, k, b = normal(*shape), tf.Variable(normal(*kernel, 2, shape[-1])), tf.Variable(normal(2))
    ones = (1,) * len(kernel)

    def function(v, training):
        wide = with_gaps(k, dilation)
        sizes = [n + (w - 1) * (padding == "valid") for n, w in zip(shape[1:-1], wide.shape)]
        done = tf.nn.conv_transpose(v, wide, (shape[0], *sizes, 2), ones, padding.upper())
        return done + b

    call = "x |> %s(2, %s, dilation: %s, padding: %s)" % (word, text(kernel), text(dilation), padding)
    call = call if len(kernel) > 1 else call.replace("[", "").replace("]", "")
    differentiated(word + "_" + name, call, x, function, [(word + ".k", k), (word + ".b", b)])


def transposed():
    transposed_with_gaps("conv1d_transpose", "dilation", (2, 5, 2), (3,), (2,), "valid")
    transposed_with_gaps("conv2d_transpose", "dilation", (1, 3, 4, 2), (2, 2), (2, 3), "valid")
    transposed_with_gaps("conv2d_transpose", "dilation_same", (1, 5, 4, 1), (2, 3), (2, 1), "same")
    for name, shape, filters, kernel, options in [
        ("valid", (2, 5, 3), 4, 3, {}),
        ("one", (1, 1, 1), 1, 1, {}),
        ("stride", (2, 4, 2), 3, 3, {"stride": 2}),
        ("sparse", (2, 4, 2), 3, 2, {"stride": 3}),
        ("same", (2, 5, 2), 3, 3, {"padding": "same"}),
        ("same_stride", (2, 4, 2), 3, 4, {"padding": "same", "stride": 2}),
        ("same_sparse", (2, 3, 2), 2, 2, {"padding": "same", "stride": 3}),
        ("output_padding", (2, 4, 2), 2, 3, {"stride": 3, "output_padding": 2}),
        ("same_output_padding", (2, 4, 2), 2, 3, {"stride": 2, "padding": "same", "output_padding": 1}),
    ]:
        case("conv1d_transpose", L.Conv1DTranspose, name, shape, (filters, kernel), options,
            ["k", "b"])
    for name, shape, filters, kernel, options in [
        ("valid", (2, 3, 4, 3), 2, 3, {}),
        ("stride", (1, 3, 4, 2), 3, 3, {"stride": 2}),
        ("same", (1, 4, 3, 2), 2, 3, {"stride": 2, "padding": "same"}),
        ("even", (1, 3, 3, 2), 2, 4, {"stride": 2, "padding": "same"}),
        ("sizes", (1, 3, 4, 2), 2, (2, 3), {"stride": (3, 1)}),
        ("output_padding", (1, 3, 4, 2), 2, 3, {"stride": 2, "output_padding": (1, 0)}),
        ("same_output_padding", (1, 3, 2, 2), 2, (3, 5),
            {"stride": (2, 3), "padding": "same", "output_padding": (0, 2)}),
    ]:
        case("conv2d_transpose", L.Conv2DTranspose, name, shape, (filters, kernel), options,
            ["k", "b"])
    for name, shape, filters, kernel, options in [
        ("valid", (1, 2, 3, 2, 2), 2, 2, {}),
        ("stride", (1, 2, 1, 3, 2), 2, (3, 2, 2), {"stride": (2, 3, 1)}),
        ("same", (1, 2, 3, 2, 1), 2, 3, {"stride": 2, "padding": "same"}),
        ("output_padding", (1, 2, 2, 2, 1), 2, 2, {"stride": 2, "output_padding": (1, 0, 1)}),
    ]:
        case("conv3d_transpose", L.Conv3DTranspose, name, shape, (filters, kernel), options,
            ["k", "b"])



transposed()
save()
