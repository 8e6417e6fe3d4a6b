#!/usr/bin/env python3
"""make_augmentation.py - reference numbers of images changed in training; see reference.py.

A range with equal ends makes a random layer certain, and what training does then shows in the loss
and its gradient; the output, outside of training, is the image. Colours are Keras's own layers, given
the numbers; places are Keras's matrices, and scipy's map_coordinates in float64 (Keras computes its
coordinates in float32 whatever the type of the image).
"""

from reference import normal, save, write  # first: it sets what Keras reads
import keras
import numpy as np
from keras import layers as L
from scipy.ndimage import map_coordinates

RNG = np.random.default_rng(20250119)
# scipy's names for what Keras does at the edges; its "constant" and "wrap" are others.
EDGE = {"reflect": "reflect", "nearest": "nearest", "constant": "grid-constant", "wrap": "grid-wrap"}


def image(*shape):
    return RNG.uniform(0.0, 255.0, shape)


def trained(name, call, x, f, certain=True):
    """What f makes of x, in training, and its gradient from differences: f is linear around x, or
    smooth where x goes from 0 to 1."""
    y = f(x)
    up = normal(*y.shape)
    g = np.zeros_like(x)
    h = 1e-2 if x.max() > 1 else 1e-5
    for k in np.ndindex(*x.shape):
        def at(step):
            z = x.copy()
            z[k] += step * h
            return np.sum(f(z) * up)
        g[k] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    axes = ", ".join(str(d) for d in x.shape[1:])
    program = ["model m {", "    input x: f32[batch, %s]" % axes,
        "    input up: f32[batch, %s]" % ", ".join(str(d) for d in y.shape[1:]),
        "    y = " + call, "    output y", "    loss sum(...) y[...] * up[...]", "}"]
    tensors = [("input", "x", x), ("input", "up", up), ("loss", "loss", np.sum(y * up))]
    if certain:
        tensors.append(("gradient", "x", g))
    write(name, "\n".join(program), tensors)


# ---- places ----

def sampled(x, matrix, interpolation, fill_mode, fill_value):
    n, h, w, c = x.shape
    i, j = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    y = np.empty_like(x)
    for b in range(n):
        a0, a1, a2, b0, b1, b2, c0, c1 = matrix[b]
        d = c0 * j + c1 * i + 1
        at = [(b0 * j + b1 * i + b2) / d, (a0 * j + a1 * i + a2) / d]
        for k in range(c):
            y[b, :, :, k] = map_coordinates(x[b, :, :, k], at, order=int(interpolation == "bilinear"),
                mode=EDGE[fill_mode], cval=fill_value)
    return y


def rows(matrix, n):
    return np.repeat(np.asarray(matrix, np.float64)[None], n, axis=0)


def placed(name, layer, arguments, x, matrix, **options):
    o = {"interpolation": "bilinear", "fill_mode": "reflect", "fill_value": 0.0, **options}
    more = "".join(", %s: %s" % item for item in options.items())
    trained(name, "x |> %s(%s%s)" % (layer, arguments, more), x,
        lambda v: sampled(v, rows(matrix, len(v)), **o))


def turn(factor, h, w):
    """_compute_affine_matrix, with a pi in float64."""
    s, t = np.sin(2 * np.pi * factor), np.cos(2 * np.pi * factor)
    x, y = (w - 1) / 2, (h - 1) / 2
    return [t, -s, x - x * t + y * s, s, t, y - x * s - y * t, 0, 0]


def zoom(s, t, h, w):
    return [t, 0, (w - 1) / 2 * (1 - t), 0, s, (h - 1) / 2 * (1 - s), 0, 0]


def places():
    x = image(2, 4, 5, 1)
    for mode in EDGE:
        for interpolation in ["bilinear", "nearest"]:
            options = {"fill_mode": mode, "interpolation": interpolation}
            if mode == "constant":
                options["fill_value"] = 7.0
            name = "_%s_%s" % (mode, interpolation)
            down, right = 0.3 * 4, -0.45 * 5
            placed("translation" + name, "random_translation", "[0.3, 0.3], [-0.45, -0.45]", x,
                [1, 0, -right, 0, 1, -down, 0, 0], **options)
            placed("rotation" + name, "random_rotation", "[0.07, 0.07]", x, turn(0.07, 4, 5), **options)
    placed("rotation_none", "random_rotation", "[0, 0]", x, turn(0.0, 4, 5))
    placed("rotation_quarter", "random_rotation", "[0.25, 0.25]", x, turn(0.25, 4, 5))
    placed("zoom_out", "random_zoom", "[0.3, 0.3]", x, zoom(1.3, 1.3, 4, 5))
    placed("zoom_in", "random_zoom", "[-0.4, -0.4], [0.2, 0.2]", x, zoom(0.6, 1.2, 4, 5),
        fill_mode="constant")
    matrix = RNG.uniform(-0.02, 0.02, 8) + np.array([1, 0, 0.5, 0, 1, -0.4, 0, 0])
    text = ", ".join(repr(float(v)) for v in matrix)
    trained("affine", "affine_transform(x, ones(batch, 1) * [%s], fill_mode: nearest)" % text, x,
        lambda v: sampled(v, rows(matrix, len(v)), "bilinear", "nearest", 0.0))


def cut():
    x = image(1, 6, 9, 2)
    trained("flip_chosen", "flipped(x, ones(batch) > 0)", x, lambda v: v[:, :, ::-1])
    trained("flip_vertical", "flipped(x, ones(batch) > 0, vertical: true)", x, lambda v: v[:, ::-1])
    trained("crop_whole", "x |> random_crop(6, 9)", x, lambda v: v)
    # Outside of training: the middle, 6 x 8, in half its size (as Keras's text says; it does nothing).
    halved = x[:, :, :8].reshape(1, 3, 2, 4, 2, 2).mean(axis=(2, 4))
    write("crop_predicted", "model m {\n    input x: f32[batch, 6, 9, 2]\n    y = x |> random_crop(3, 4)\n"
        "    output y\n}", [("input", "x", x), ("output", "y", halved)])


# ---- colours ----

def coloured(name, call, layer, transformation, x):
    def f(v):
        t = {k: np.asarray(a, np.float64) for k, a in transformation(len(v)).items()}
        return np.asarray(layer.transform_images(keras.ops.convert_to_tensor(v), t, training=True))
    trained(name, "x |> " + call, x, f)


def column(value):
    return lambda n: np.full((n, 1, 1, 1), value)


def colours():
    x = image(2, 2, 3, 3)
    unit = x / 255
    coloured("brightness", "random_brightness([0.2, 0.2])", L.RandomBrightness(0.2),
        lambda n: {"rgb_delta": column(51.0)(n)}, x)
    coloured("brightness_unit", "random_brightness([-0.3, -0.3], value_range: [0, 1])",
        L.RandomBrightness(0.3, value_range=(0, 1)), lambda n: {"rgb_delta": column(-0.3)(n)}, unit)
    coloured("contrast", "random_contrast([-0.4, 0.4])", L.RandomContrast(0.4),
        lambda n: {"contrast_factor": column(1.4)(n)}, x)
    coloured("degeneration", "random_color_degeneration([0.3, 0.3])", L.RandomColorDegeneration(0.3),
        lambda n: {"factor": column(0.3)(n)}, x)
    coloured("saturation", "random_saturation([0.7, 0.7], value_range: [0, 1])",
        L.RandomSaturation(0.7, value_range=(0, 1)),
        lambda n: {"factor": np.full((n,), 0.7 / (0.3 + 1e-7))}, unit)
    coloured("sharpness", "random_sharpness([0.8, 0.8])", L.RandomSharpness(0.8),
        lambda n: {"factor": np.full((n,), 0.8)}, x)
    coloured("solarization", "solarization(0, 0)", L.Solarization(0, 0),
        lambda n: {"additions": column(0.0)(n), "thresholds": column(0.0)(n)}, x)
    auto = L.AutoContrast()
    trained("auto_contrast", "x |> auto_contrast", x,
        lambda v: np.asarray(auto.transform_images(keras.ops.convert_to_tensor(v))))
    trained("grayscale", "x |> random_grayscale(1)", x, lambda v: np.repeat(
        np.asarray(keras.ops.image.rgb_to_grayscale(v)), 3, axis=-1))


def bits():
    """Where values jump, no gradient."""
    x = image(2, 2, 3, 3)
    layer = L.RandomPosterization(3)
    trained("posterization", "x |> random_posterization([3, 3])", x,
        lambda v: np.asarray(layer.transform_images(keras.ops.convert_to_tensor(v),
            {"shift_factor": np.full((len(v),), 5, np.uint8)}, training=True)), certain=False)


places()
cut()
colours()
bits()
save()
