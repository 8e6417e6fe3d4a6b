#!/usr/bin/env python3
"""make_embedding.py - reference numbers of embedding; see reference.py."""

from reference import RNG, layer_case, normal, save, several  # first: it sets what Keras reads
import keras
import numpy as np
import tensorflow as tf

L = keras.layers


def embedding():
    for name, shape, vocabulary, units in [
        ("plain", (3, 5), 7, 4),
        ("flat", (6,), 3, 2),
        ("one", (1, 1), 1, 1),
    ]:
        words = RNG.integers(0, vocabulary, shape).astype(np.float64)
        layer_case(name,
            "x |> embedding(%d, %d)" % (vocabulary, units),
            L.Embedding(vocabulary, units),
            words,
            "embedding",
            ["table"],
            x_type="i32",
        )


def tied():
    """The table's vectors for words, and its scores of words."""
    for name, shape, vocabulary, units in [("tied", (2, 3), 5, 4), ("tied_one", (1, 1), 1, 1)]:
        layer = L.ReversibleEmbedding(vocabulary, units)
        words = RNG.integers(0, vocabulary, shape)
        layer(tf.constant(words))
        layer.embeddings.assign(normal(vocabulary, units))
        several(name, [("words", "i32", words)],
            ["e = embedding(%d, %d)" % (vocabulary, units), "y0 = words |> e |> tied(e.table)"],
            lambda given: [layer(layer(given["words"]), reverse=True)],
            [("e.table", layer.embeddings)])


def places(shape, at):
    steps = np.arange(shape[1])[None, :] + np.zeros((shape[0], 1), int)
    return steps if at is None else steps + np.array(at)[:, None]


def with_at(name, call, x, at, function, params):
    """function(x, places) with the places of all steps; `at` is where the rows begin."""
    inputs = [("x", "f32", x)]
    if at is not None:
        inputs.append(("at", "i32", np.array(at)))
        call = call[:-1] + (", at: at)" if not call.endswith("()") else "at: at)")
    p = tf.constant(places(x.shape, at))
    several(name, inputs, ["y0 = " + call], lambda given: [function(given["x"], p)], params)


def sines(x, p, longest):
    d = np.arange(x.shape[-1])
    angle = tf.cast(p, tf.float64)[..., None] * longest ** (-2 * (d // 2) / x.shape[-1])
    return x + tf.where(d % 2 == 0, tf.sin(angle), tf.cos(angle))


def turned(x, p, longest, interleaved):
    """Each pair of features is a complex number that is turned."""
    size = x.shape[-1]
    half = size // 2
    angle = tf.cast(p, tf.float64)[..., None, None] * longest ** (-2 * np.arange(half) / size)
    first, second = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    z = tf.complex(first, second) * tf.complex(tf.cos(angle), tf.sin(angle))
    parts = [tf.math.real(z), tf.math.imag(z)]
    if interleaved:
        return tf.reshape(tf.stack(parts, axis=-1), x.shape)
    return tf.concat(parts, axis=-1)


def positions():
    for name, shape, length, at in [
        ("learned", (2, 3, 4), 3, None),
        ("learned_longer", (2, 3, 2), 5, None),
        ("learned_at", (3, 2, 3), 6, [0, 4, 2]),
        ("learned_one", (1, 1, 1), 1, None),
    ]:
        table = keras.Variable(normal(length, shape[2]))
        with_at(name, "x |> position_embedding(%d)" % length, normal(*shape), at,
            lambda x, p: x + tf.gather(table.value, p), [("position_embedding.table", table)])
    for name, shape, longest, at in [
        ("sines", (2, 4, 6), 10000, None),
        ("sines_odd", (1, 3, 5), 100, None),
        ("sines_at", (2, 2, 4), 10000, [3, 0]),
        ("sines_one", (1, 1, 1), 10000, None),
    ]:
        with_at(name, "x |> sine_positions(%d)" % longest, normal(*shape), at,
            lambda x, p: sines(x, p, float(longest)), [])
    for name, shape, longest, interleaved, at in [
        ("rotary", (2, 3, 2, 6), 10000, False, None),
        ("rotary_pairs", (2, 3, 1, 4), 10000, True, None),
        ("rotary_at", (2, 2, 3, 4), 50, False, [5, 1]),
        ("rotary_pairs_at", (1, 1, 1, 2), 10000, True, [7]),
    ]:
        with_at(name,
            "x |> rotary(%d, interleaved: %s)" % (longest, str(interleaved).lower()),
            normal(*shape), at, lambda x, p: turned(x, p, float(longest), interleaved), [])


embedding()
tied()
positions()
save()
