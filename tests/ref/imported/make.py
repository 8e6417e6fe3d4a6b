#!/usr/bin/env python3
"""make.py - weights of Keras and of PyTorch in files, inputs, and the outputs of either, for the
test of tools/import_weights.py. Run once, by hand, with keras, tensorflow, torch and h5py:

    make.py DLC

For each case it writes NAME.source.npz (the framework's own names), NAME.safetensors (converted),
NAME.INPUT.npy and NAME.out.npy (the framework's output). That the frameworks' own files, and live
models, are converted to the same is checked here; two of those files are kept.
"""

import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "tools"))

import keras
import numpy as np
import torch

import import_weights

L = keras.layers
RNG = np.random.default_rng(5)
DLC = sys.argv[1]


def spread(shape, positive):
    a = RNG.standard_normal(shape) * 0.4
    return np.abs(a) + 0.5 if positive else a


def write(name, model, inputs, out, sources, table=None):
    """`sources`: the same weights in several forms, the one to keep first."""
    path = os.path.join(HERE, name)
    model = os.path.join(HERE, model)
    files = [import_weights.convert(s, model, path + ".safetensors", table, DLC) for s in sources]
    for other in files[1:]:
        assert list(other) == list(files[0])
        for key in other:
            assert np.array_equal(np.float32(other[key]), np.float32(files[0][key])), key
    np.savez_compressed(path + ".source.npz", **sources[0])
    for label, a in inputs.items():
        kind = np.int32 if a.dtype.kind == "i" else np.float32
        np.save("%s.%s.npy" % (path, label), a.astype(kind))
    np.save(path + ".out.npy", np.float32(out))


# ---- Keras --------------------------------------------------------------------------------------


def keras_case(name, dl, model, label, x, keep=False):
    for v in model.variables:
        if v.dtype.startswith("float"):
            v.assign(spread(v.shape, v.name in ("gamma", "moving_variance")))
    weights = {v.path: np.array(v) for v in model.variables if v.dtype.startswith("float")}
    with tempfile.TemporaryDirectory() as folder:
        own = os.path.join(HERE if keep else folder, name + ".weights.h5")
        model.save_weights(own)
        model.save(os.path.join(folder, "m.keras"))
        write(name, dl, {label: x}, np.array(model(x)),
            [weights, model, own, os.path.join(folder, "m.keras")])


def cnn_keras():
    i = keras.Input((10, 10, 3))
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(i)
    x = L.ReLU()(L.BatchNormalization()(x))
    x = L.ReLU()(L.BatchNormalization()(L.SeparableConv2D(6, 2)(x)))
    x = L.Dense(7, activation="relu")(L.Flatten()(L.MaxPooling2D(2)(x)))
    keras_case("cnn_keras", "cnn_keras.dl", keras.Model(i, L.Dense(5, activation="softmax")(x)),
        "image", np.float32(RNG.standard_normal((4, 10, 10, 3))))


def lstm_keras():
    i = keras.Input((7,), dtype="int32")
    x = L.Bidirectional(L.LSTM(5, return_sequences=True))(L.Embedding(20, 6)(i))
    x = L.LSTM(4)(L.LSTM(4, return_sequences=True)(x))
    keras_case("lstm_keras", "lstm.dl", keras.Model(i, L.Dense(3, activation="softmax")(x)),
        "words", RNG.integers(0, 20, (4, 7)), keep=True)


def gru_keras():
    i = keras.Input((6, 3))
    x = L.Bidirectional(L.GRU(5, return_sequences=True))(i)
    x = L.Bidirectional(L.GRU(5, return_sequences=True))(x)
    x = L.GlobalAveragePooling1D()(x)
    keras_case("gru_keras", "gru.dl", keras.Model(i, L.Dense(2)(x)), "x",
        np.float32(RNG.standard_normal((4, 6, 3))))


def transformer_keras():
    i = keras.Input((6,), dtype="int32")
    places = keras.ops.cumsum(keras.ops.ones_like(i), axis=1) - 1
    x = L.Embedding(11, 8)(i) + L.Embedding(6, 8)(places)
    for _ in range(2):
        h = L.LayerNormalization()(x)
        x = x + L.MultiHeadAttention(2, 4)(h, h, use_causal_mask=True)
        h = L.Dense(12, activation="gelu")(L.LayerNormalization()(x))
        x = x + L.Dense(8)(h)
    model = keras.Model(i, L.Dense(11)(L.LayerNormalization()(x)))
    keras_case("transformer_keras", "transformer_keras.dl", model, "words",
        RNG.integers(0, 11, (4, 6)))


# ---- PyTorch ----------------------------------------------------------------------------------


def torch_case(name, dl, model, inputs, call, table=None, keep=False):
    model.eval()
    with torch.no_grad():
        for key, v in model.state_dict().items():
            if v.is_floating_point():
                v.copy_(torch.tensor(spread(v.shape, key.endswith("running_var"))))
        out = call(model, {k: torch.tensor(a) for k, a in inputs.items()}).numpy()
    weights = {k: v.numpy() for k, v in model.state_dict().items() if v.is_floating_point()}
    with tempfile.TemporaryDirectory() as folder:
        own = os.path.join(HERE if keep else folder, name + ".pt")
        torch.save(model.state_dict(), own)
        write(name, dl, inputs, out, [weights, model, own], table)


class Cnn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 6, 3, padding=1)
        self.bn1 = torch.nn.BatchNorm2d(6)
        self.conv2 = torch.nn.Conv2d(6, 6, 3, groups=6, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(6)
        self.fc1 = torch.nn.Linear(54, 7)
        self.fc2 = torch.nn.Linear(7, 5)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.max_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        return torch.softmax(self.fc2(torch.relu(self.fc1(x.flatten(1)))), -1)


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(20, 6)
        self.both = torch.nn.LSTM(6, 5, bidirectional=True, batch_first=True)
        self.rest = torch.nn.LSTM(10, 4, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, words):
        x, _ = self.both(self.embed(words))
        return torch.softmax(self.head(self.rest(x)[0][:, -1]), -1)


class Gru(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.GRU(3, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.head = torch.nn.Linear(10, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(1))


class Transformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.token = torch.nn.Embedding(11, 8)
        self.place = torch.nn.Parameter(torch.zeros(6, 8))
        one = dict(dropout=0.0, batch_first=True)
        self.encoder = torch.nn.TransformerEncoder(
            torch.nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", **one), 2)
        self.decoder = torch.nn.TransformerDecoderLayer(8, 2, 12, norm_first=True, **one)
        self.head = torch.nn.Linear(8, 11)

    def forward(self, words, other, length):
        past = torch.arange(5)[None, :] >= length[:, None]
        above = torch.triu(torch.ones(6, 6, dtype=torch.bool), 1)
        memory = self.encoder(self.token(other), src_key_padding_mask=past)
        x = self.token(words) + self.place
        return self.head(self.decoder(x, memory, tgt_mask=above, memory_key_padding_mask=past))


def pytorch():
    image = np.float32(RNG.standard_normal((4, 8, 8, 3)))
    torch_case("cnn_torch", "cnn_torch.dl", Cnn(), {"image": image},
        lambda m, t: m(t["image"].permute(0, 3, 1, 2)), os.path.join(HERE, "cnn_torch.table"))
    torch_case("lstm_torch", "lstm.dl", Lstm(), {"words": RNG.integers(0, 20, (4, 7))},
        lambda m, t: m(t["words"]))
    torch_case("gru_torch", "gru.dl", Gru(), {"x": np.float32(RNG.standard_normal((4, 6, 3)))},
        lambda m, t: m(t["x"]))
    torch_case("transformer_torch", "transformer_torch.dl", Transformer(),
        {"words": RNG.integers(0, 11, (4, 6)), "other": RNG.integers(0, 11, (4, 5)),
         "length": np.array([5, 3, 1, 4])}, lambda m, t: m(**t), keep=True)


cnn_keras()
lstm_keras()
gru_keras()
transformer_keras()
pytorch()
