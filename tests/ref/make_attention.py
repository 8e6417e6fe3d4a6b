#!/usr/bin/env python3
"""make_attention.py - reference numbers of attention; see reference.py."""

from reference import differentiated, normal, randomise, save  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf

L = keras.layers


def attention():
    names = [part + "." + n for part in ("query", "key", "value", "attention_output") for n in "wb"]
    for name, shape, heads, size, causal in [
        ("plain", (2, 3, 4), 2, 3, False),
        ("causal", (2, 4, 3), 3, 2, True),
        ("one", (1, 1, 1), 1, 1, True),
    ]:
        layer = L.MultiHeadAttention(heads, size)
        layer._inverse_sqrt_key_dim = np.float64(size) ** -0.5  # else rounded to single precision
        x = normal(*shape)
        layer(tf.constant(x), tf.constant(x))
        randomise(layer)
        found = {v.path.split("/", 1)[1]: v for v in layer.trainable_weights}
        kinds = {"w": "kernel", "b": "bias"}
        order = [found[n[:-1].replace(".", "/") + kinds[n[-1]]] for n in names]
        call = "x |> multi_head_attention(%d, %d%s)" % (heads, size, ", causal: true" * causal)
        params = [("multi_head_attention." + n, v) for n, v in zip(names, order)]
        run = lambda v, training: layer(v, v, use_causal_mask=causal)
        differentiated(name, call, x, run, params)


attention()
save()
