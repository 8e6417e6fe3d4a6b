#!/usr/bin/env python3
"""make_embedding.py - reference numbers of embedding; see reference.py."""

from reference import RNG, layer_case, save  # first: it sets what Keras reads
import keras
import numpy as np

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


embedding()
save()
