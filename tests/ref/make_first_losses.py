#!/usr/bin/env python3
"""make_first_losses.py - Keras's losses in the first 50 steps of examples/cifar10, from our
initial weights, rows in the data's order.

    first_losses -s w.safetensors examples/cifar10/cifar10.dl DATA 0
    python3 make_first_losses.py w.safetensors DATA/cifar10_train_10k.bin.xz > cifar10.losses
"""

import json
import lzma
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np


def read_weights(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            flat = np.frombuffer(data[8 + size + begin : 8 + size + end], np.float32)
            weights[name] = flat.reshape(entry["shape"])
    return weights


def read_rows(path, n):
    rows = np.frombuffer(lzma.open(path).read(n * 3073), np.uint8).reshape(n, 3073)
    images = rows[:, 1:].reshape(n, 3, 32, 32).transpose(0, 2, 3, 1)
    return images.astype(np.float32) / 255, rows[:, 0].astype(np.int32)


def main():
    layers = keras.layers
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for filters in 32, 64, 128:
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D(2))
    for layer in layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10):
        model.add(layer)
    weights = read_weights(sys.argv[1])
    for name in "conv2d", "conv2d_1", "conv2d_2", "dense", "dense_1":
        kind = layers.Conv2D if name.startswith("conv") else layers.Dense
        found = [layer for layer in model.layers if isinstance(layer, kind)]
        layer = found[int(name.split("_")[1]) if "_" in name else 0]
        layer.set_weights(
            [weights[name + (".k" if kind is layers.Conv2D else ".w")], weights[name + ".b"]]
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.001), loss)
    images, labels = read_rows(sys.argv[2], 50 * 64)
    for step in range(50):
        part = slice(64 * step, 64 * step + 64)
        print("%.9g" % model.train_on_batch(images[part], labels[part]))
        model.reset_metrics()


main()
