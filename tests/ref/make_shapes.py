#!/usr/bin/env python3
"""make_shapes.py - reference numbers of what joins, cuts, repeats and enlarges tensors; see
reference.py."""

from reference import differentiated, layer_case, normal, save, several, text, word_case  # first
import jax
import keras
import numpy as np
import tensorflow as tf

jax.config.update("jax_enable_x64", True)

L = keras.layers


def one():
    for word, kind, shape, places in [
        ("permute", L.Permute, (2, 3, 4, 5), ((3, 1, 2),)),
        ("permute", L.Permute, (2, 3), ((1,),)),
        ("repeat_vector", L.RepeatVector, (2, 3), (4,)),
        ("zero_padding1d", L.ZeroPadding1D, (2, 3, 2), ()),
        ("zero_padding1d", L.ZeroPadding1D, (2, 3, 2), ((0, 3),)),
        ("zero_padding2d", L.ZeroPadding2D, (1, 2, 3, 2), ()),
        ("zero_padding2d", L.ZeroPadding2D, (1, 2, 3, 2), ((1, 2),)),
        ("zero_padding2d", L.ZeroPadding2D, (1, 2, 3, 2), (((1, 0), (2, 3)),)),
        ("zero_padding3d", L.ZeroPadding3D, (1, 2, 1, 2, 2), (((1, 0), (2, 3), (0, 0)),)),
        ("zero_padding3d", L.ZeroPadding3D, (1, 1, 1, 1, 1), ()),
        ("cropping1d", L.Cropping1D, (2, 5, 2), ()),
        ("cropping1d", L.Cropping1D, (2, 5, 2), ((3, 0),)),
        ("cropping2d", L.Cropping2D, (1, 5, 4, 2), (((1, 2), (0, 3)),)),
        ("cropping2d", L.Cropping2D, (1, 5, 4, 2), ((1, 0),)),
        ("cropping3d", L.Cropping3D, (1, 3, 4, 5, 1), ()),
        ("cropping3d", L.Cropping3D, (1, 3, 4, 5, 1), (((0, 1), (3, 0), (1, 2)),)),
        ("center_crop", L.CenterCrop, (2, 5, 6, 2), (2, 3)),
        ("center_crop", L.CenterCrop, (1, 4, 4, 1), (4, 1)),
        ("up_sampling1d", L.UpSampling1D, (2, 3, 2), ()),
        ("up_sampling1d", L.UpSampling1D, (1, 1, 1), (3,)),
        ("up_sampling2d", L.UpSampling2D, (1, 2, 3, 2), ((3, 1),)),
        ("up_sampling3d", L.UpSampling3D, (1, 2, 1, 3, 2), ((1, 3, 2),)),
    ]:
        name = "_".join(text(p) for p in places).translate(str.maketrans("[], ", "____")) or "plain"
        word_case(word, kind, name, normal(*shape), places, {})


def reshaped():
    for name, shape, sizes in [("open", (2, 3, 4), (2, -1)), ("whole", (2, 6), (3, 1, 2))]:
        layer_case("reshape_" + name, "reshape(x, %s)" % text(sizes), L.Reshape(sizes),
            normal(*shape), "", [])


def by_matrices(name, call, shape, height, width, method):
    """TensorFlow's weights are of single precision, and for bicubic from a table; in double they are
    JAX's, an axis at a time, as the matrix that it applies to every column."""

    def matrix(n, size):
        return tf.constant(np.asarray(jax.image.resize(np.eye(n), (size, n), method, antialias=False)))

    a, b = matrix(shape[1], height), matrix(shape[2], width)
    differentiated(name, call, normal(*shape),
        lambda v, training: tf.einsum("ip,jq,npqc->nijc", a, b, v), [])


def enlarged():
    for name in ["bilinear", "bicubic", "lanczos3", "lanczos5"]:
        for label, shape, size in [("2", (1, 3, 4, 2), (2, 2)), ("sizes", (1, 4, 1, 1), (3, 2))]:
            by_matrices("up_sampling2d_%s_%s" % (name, label),
                "x |> up_sampling2d(%s, interpolation: %s)" % (text(size), name),
                shape, shape[1] * size[0], shape[2] * size[1], name)
        for label, shape, size in [("more", (1, 3, 4, 2), (5, 7)), ("fewer", (1, 6, 5, 1), (4, 2))]:
            by_matrices("resizing_%s_%s" % (name, label),
                "x |> resizing(%d, %d, interpolation: %s)" % (*size, name), shape, *size, name)
    for label, shape, size in [("more", (1, 3, 4, 2), (5, 7)), ("fewer", (1, 6, 5, 1), (4, 2))]:
        word_case("resizing", L.Resizing, "nearest_" + label, normal(*shape), size,
            {"interpolation": "nearest"})


def merged(name, call, layer, *shapes):
    inputs = [("x%d" % k, "f32", normal(*shape)) for k, shape in enumerate(shapes)]
    names = ", ".join(label for label, _, _ in inputs)
    several(name, inputs, ["y0 = " + call.replace("X", "[" + names + "]")],
        lambda given: [layer([given[label] for label, _, _ in inputs])], [])


def several_tensors():
    merged("concatenate", "X |> concatenate", L.Concatenate(), (2, 3, 2), (2, 3, 4), (2, 3, 1))
    merged("concatenate_axis", "concatenate(X, axis: 1)", L.Concatenate(axis=1),
        (2, 3, 4), (2, 1, 4))
    merged("concatenate_middle", "concatenate(X, axis: -2)", L.Concatenate(axis=-2),
        (1, 2, 3, 2), (1, 2, 1, 2), (1, 2, 2, 2))
    for word, kind in [("add", L.Add), ("multiply", L.Multiply), ("average", L.Average),
            ("maximum", L.Maximum), ("minimum", L.Minimum)]:
        merged(word, word + "(X)", kind(), (2, 3), (2, 3), (2, 3))
        merged(word + "_broadcast", word + "(X)", kind(), (2, 3, 4), (2, 1, 4))
    merged("subtract", "subtract(X)", L.Subtract(), (3, 2), (3, 2))
    merged("dot", "dot(X, 1)", L.Dot(1), (3, 4), (3, 4))
    merged("dot_normalized", "dot(X, axes: -1, normalize: true)", L.Dot(-1, normalize=True),
        (3, 4), (3, 4))
    merged("dot_axes", "dot(X, [1, 2])", L.Dot((1, 2)), (2, 3, 4), (2, 5, 3))
    merged("dot_three", "dot(X, [2, 1])", L.Dot((2, 1)), (2, 3, 4), (2, 4))


one()
reshaped()
enlarged()
several_tensors()
save()
