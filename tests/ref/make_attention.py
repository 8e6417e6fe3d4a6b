#!/usr/bin/env python3
"""make_attention.py - reference numbers of attention; see reference.py."""

# reference is imported first: it sets what Keras reads
from reference import RNG, differentiated, normal, randomise, save, several
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


def projections(layer, path):
    """Our paths and Keras's variables of what has query, key, value and attention_output."""
    found = {v.path.split("/", 1)[1]: v for v in layer.trainable_weights}
    return [
        (path + "." + part + "." + ours, found[part + "/" + theirs])
        for part in ("query", "key", "value", "attention_output")
        for ours, theirs in (("w", "kernel"), ("b", "bias"))
        if part + "/" + theirs in found
    ]


def seen(given, shape):
    """The mask that Keras is given: what `see` and the lengths `n` leave."""
    mask = None
    if "see" in given:
        mask = given["see"] == 1
        if len(mask.shape) == 2:
            mask = tf.broadcast_to(mask[:, None, :], shape)
    if "n" in given:
        short = tf.range(shape[2])[None, None, :] < given["n"][:, None, None]
        short = tf.broadcast_to(short, shape)
        mask = short if mask is None else mask & short
    return mask


def masks(shape, see, length):
    """Inputs and our arguments for them; every query sees something."""
    inputs, call = [], ""
    if see:
        m = RNG.integers(0, 2, shape if see == 3 else (shape[0], shape[2]))
        m[..., 0] = 1
        inputs.append(("see", "i32", m))
        call += ", mask: see == 1"
    if length is not None:
        inputs.append(("n", "i32", np.array(length)))
        call += ", length: n"
    return inputs, call


def many_heads():
    for name, shape, source, heads, size, value_dim, units, see, length, causal, bias in [
        ("cross", (2, 3, 4), 5, 2, 3, 3, 4, 0, None, False, True),
        ("masked", (2, 3, 4), 5, 2, 3, 2, 4, 3, None, False, True),
        ("lengths", (3, 2, 3), 4, 1, 2, 2, 5, 0, [4, 1, 2], False, True),
        ("both", (2, 4, 3), 4, 3, 1, 2, 2, 2, [4, 3], True, False),
        ("causal_cross", (2, 3, 2), 5, 2, 2, 2, 2, 0, None, True, True),
        ("single", (1, 1, 1), 1, 1, 1, 1, 1, 3, [1], True, False),
    ]:
        layer = L.MultiHeadAttention(heads, size, value_dim=value_dim, output_shape=units,
            use_bias=bias)
        layer._inverse_sqrt_key_dim = np.float64(size) ** -0.5
        x, z = normal(*shape), normal(shape[0], source, shape[2] + 1)
        layer(tf.constant(x), tf.constant(z))
        randomise(layer)
        inputs, call = masks((shape[0], shape[1], source), see, length)
        several("heads_" + name, [("x", "f32", x), ("z", "f32", z)] + inputs,
            ["y0, y1 = x |> multi_head_attention(%d, %d, value: z, value_dim: %d, units: %d, "
             "causal: %s, bias: %s, return_scores: true%s)"
             % (heads, size, value_dim, units, str(causal).lower(), str(bias).lower(), call)],
            lambda given: list(layer(given["x"], given["z"], use_causal_mask=causal,
                attention_mask=seen(given, (shape[0], shape[1], source)),
                return_attention_scores=True)),
            projections(layer, "multi_head_attention"))
    for name, shape, heads, groups, size, see, causal, bias in [
        ("halved", (2, 3, 4), 4, 2, 3, 0, True, True),
        ("shared", (2, 3, 3), 3, 1, 2, 3, False, False),
        ("own", (1, 3, 2), 2, 2, 1, 0, False, True),
    ]:
        layer = L.GroupQueryAttention(size, heads, groups, use_bias=bias)
        layer._inverse_sqrt_head_dim = np.float64(size) ** -0.5
        x = normal(*shape)
        layer(tf.constant(x), tf.constant(x))
        randomise(layer)
        inputs, call = masks((shape[0], shape[1], shape[1]), see, None)
        several("groups_" + name, [("x", "f32", x)] + inputs,
            ["y0 = x |> group_query_attention(%d, %d, %d, causal: %s, bias: %s%s)"
             % (size, heads, groups, str(causal).lower(), str(bias).lower(), call)],
            lambda given: [layer(given["x"], given["x"], use_causal_mask=causal,
                attention_mask=seen(given, (shape[0], shape[1], shape[1])))],
            projections(layer, "group_query_attention"))


def one_head():
    for name, kind, shape, source, see, length, causal, options in [
        ("dot", "attention", (2, 3, 4), 5, 0, None, False, {}),
        ("dot_scaled", "attention", (2, 3, 2), 4, 2, None, False, dict(use_scale=True)),
        ("dot_causal", "attention", (2, 3, 2), 3, 0, [3, 1], True, {}),
        ("concat", "attention", (2, 2, 3), 4, 0, None, False,
         dict(score_mode="concat", use_scale=True)),
        ("dot_one", "attention", (1, 1, 1), 1, 0, None, True, {}),
        ("additive", "additive_attention", (2, 3, 4), 5, 0, None, False, {}),
        ("additive_plain", "additive_attention", (2, 3, 2), 4, 2, [4, 2], False,
         dict(use_scale=False)),
        ("additive_causal", "additive_attention", (1, 4, 1), 4, 0, None, True, {}),
    ]:
        layer = (L.Attention if kind == "attention" else L.AdditiveAttention)(**options)
        x, v, k = normal(*shape), normal(shape[0], source, 3), normal(shape[0], source, shape[2])
        layer([tf.constant(x), tf.constant(v), tf.constant(k)])
        randomise(layer)
        inputs, call = masks((shape[0], shape[1], source), see, length)
        for option, value in options.items():
            call += ", %s: %s" % (option.removeprefix("use_"), str(value).lower())

        def function(given):
            mask = seen(given, (shape[0], shape[1], source))
            mask = None if mask is None else [None, mask[:, 0, :]]
            return list(layer([given["x"], given["v"], given["k"]], mask=mask,
                use_causal_mask=causal, return_attention_scores=True))

        names = {"scale": "scale", "concat_score_weight": "concat_score_weight"}
        several(name, [("x", "f32", x), ("v", "f32", v), ("k", "f32", k)] + inputs,
            ["y0, y1 = x |> %s(v, k, causal: %s, return_scores: true%s)"
             % (kind, str(causal).lower(), call)], function,
            [(kind + "." + names[w.name], w) for w in layer.trainable_weights])


attention()
many_heads()
one_head()
save()
