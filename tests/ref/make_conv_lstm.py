#!/usr/bin/env python3
"""make_conv_lstm.py - reference numbers of conv_lstm1d, 2d and 3d; see reference.py."""

from reference import normal, randomise, save, several  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf

L = keras.layers


def text(v):
    return str(list(v)) if isinstance(v, tuple) else str(v)


def case(name, dims, shape, filters, kernel, ours, length=None, start=False, **options):
    """`ours` are our names of the options and their values."""
    layer = [L.ConvLSTM1D, L.ConvLSTM2D, L.ConvLSTM3D][dims - 1](filters, kernel, **options)
    inputs = [("x", "f32", normal(*shape))]
    call = "x |> conv_lstm%dd(%d, %s%s" % (dims, filters, text(kernel), ours)
    if length is not None:
        inputs.append(("n", "i32", np.array(length)))
        call += ", length: n"
    y = layer(tf.constant(inputs[0][2]))
    randomise(layer)
    several_states = options.get("return_state", False)
    if start:
        inputs += [(s, "f32", normal(*start)) for s in "hc"]
        call += ", initial_state: [h, c]"

    def function(given):
        valid = None
        if length is not None:
            valid = tf.range(shape[1])[None, :] < given["n"][:, None]
        state = [given["h"], given["c"]] if start else None
        y = layer(given["x"], mask=valid, initial_state=state)
        return list(y) if several_states else [y]

    path = "conv_lstm%dd." % dims
    params = [(path + n, v) for n, v in zip("wub", layer.trainable_weights)]
    left = "y0, y1, y2" if several_states else "y0"
    several(name, inputs, ["%s = %s)" % (left, call)], function, params)


every = dict(return_sequences=True, return_state=True)
told = ", return_sequences: true, return_state: true"
case("line", 1, (2, 3, 5, 2), 2, 3, "")
case("line_same", 1, (2, 3, 5, 1), 2, 2, ", padding: same" + told, padding="same", **every)
case("line_stride", 1, (1, 2, 7, 2), 1, 3, ", stride: 2, padding: same", padding="same", strides=2)
case("line_dilated", 1, (2, 2, 6, 1), 1, 2, ", dilation: 2, bias: false", dilation_rate=2,
    use_bias=False)
case("line_length", 1, (2, 3, 4, 1), 2, 3, told, length=[1, 3], **every)
case("line_states", 1, (2, 2, 4, 1), 2, 2, told, start=(2, 3, 2), **every)
case("line_one", 1, (1, 1, 1, 1), 1, 1, "")
case("image", 2, (2, 2, 4, 3, 2), 1, 2, told, **every)
case("image_same", 2, (1, 2, 4, 3, 1), 2, (3, 2), ", padding: same", padding="same")
case("image_stride", 2, (1, 2, 5, 4, 1), 1, (2, 3), ", stride: [2, 1]", strides=(2, 1))
case("image_backwards", 2, (2, 3, 3, 3, 1), 1, 2, ", go_backwards: true", go_backwards=True)
case("image_one", 2, (1, 1, 1, 1, 1), 1, 1, ", padding: same", padding="same")
case("volume", 3, (1, 2, 3, 2, 3, 2), 1, 2, told, **every)
case("volume_same", 3, (2, 2, 3, 2, 2, 1), 1, (2, 1, 3), ", padding: same, stride: [2, 1, 1]",
    padding="same", strides=(2, 1, 1))
save()
