#!/usr/bin/env python3
"""make_preparation.py - reference numbers of what makes numbers ready; see reference.py."""

from reference import layer_case, normal, save, write  # first: it sets what Keras reads
import keras
import numpy as np

L = keras.layers


def scaled():
    layer_case("rescaling", "x |> rescaling(0.5, offset: -1)", L.Rescaling(0.5, -1),
        normal(2, 3), "", [])
    layer_case("rescaling_channels", "x |> rescaling([2, 3], [1, -1])",
        L.Rescaling(np.array([2.0, 3.0]), np.array([1.0, -1.0])), normal(1, 2, 3, 2), "", [])
    for name, options, more in [("", {}, ""), ("_invert", {"invert": True}, ", invert: true")]:
        layer_case("normalization" + name,
            "x |> normalization([1, 2, 3], [4, 0.25, 0]%s)" % more,
            L.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.25, 0.0], **options),
            normal(4, 3), "", [])


def integers(name, call, x, y, kind):
    """Results without gradients."""
    program = ["model m {", "    input x: %s[%s]" % (kind, ", ".join(["batch"] + [str(d) for d in x.shape[1:]])),
        "    output y = " + call, "}"]
    write(name, "\n".join(program), [("input", "x", x), ("output", "y", np.asarray(y))])


def categories():
    x = np.array([[-2.0, -1.0, 0.3], [0.0, 1.5, 9.0]])
    integers("discretization", "discretization(x, [-1, 0, 1.5])", x,
        L.Discretization(bin_boundaries=[-1.0, 0.0, 1.5])(x), "f32")
    c = np.array([[0, 3, 3], [1, 2, 4]])
    for mode in ["multi_hot", "count"]:
        integers("category_" + mode, "category_encoding(x, 5, output: %s)" % mode, c,
            L.CategoryEncoding(5, output_mode=mode)(c), "i32")
    integers("category_one_hot", "category_encoding(x, 5, output: one_hot)", c,
        L.CategoryEncoding(5, output_mode="one_hot")(c), "i32")
    integers("integer_lookup", "integer_lookup(x, [3, 7, 1])", c,
        L.IntegerLookup(vocabulary=[3, 7, 1])(c), "i32")


scaled()
categories()
save()
