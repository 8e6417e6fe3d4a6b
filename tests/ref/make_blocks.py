#!/usr/bin/env python3
"""make_blocks.py - reference numbers of transformer blocks, by PyTorch, and of highway,
squeeze_excite, residuals and mixtures, by formulas over Keras's layers; see reference.py."""

# reference is imported first: it sets what Keras reads
from reference import RNG, normal, save, several, write_several
import keras
import numpy as np
import tensorflow as tf
import torch

L = keras.layers
torch.set_default_dtype(torch.float64)


# ---- PyTorch ------------------------------------------------------------------------------


def attention_params(path, module, heads):
    """PyTorch's projections of an attention as ours: (path, array, gradient) each."""
    n = module.embed_dim
    size = n // heads
    rows = []
    for k, part in enumerate(("query", "key", "value")):
        def cut(a, k=k):
            return a[k * n : (k + 1) * n]

        w, b = module.in_proj_weight, module.in_proj_bias
        rows.append((part + ".w", lambda a, cut=cut: cut(a).T.reshape(n, heads, size), w))
        rows.append((part + ".b", lambda a, cut=cut: cut(a).reshape(heads, size), b))
    out = module.out_proj
    rows.append(("attention_output.w", lambda a: a.T.reshape(heads, size, n), out.weight))
    rows.append(("attention_output.b", lambda a: a, out.bias))
    return [(path + "." + name, change, tensor) for name, change, tensor in rows]


def plain_params(path, module, names):
    return [
        (path + "." + ours, (lambda a: a.T) if a.dim() == 2 else (lambda a: a), a)
        for ours, a in zip(names, (module.weight, module.bias))
    ]


def block_params(path, block, heads):
    norms = ["attention_norm", "forward_norm"]
    params = attention_params(path + ".attention", block.self_attn, heads)
    if hasattr(block, "multihead_attn"):
        norms.insert(1, "cross_norm")
        params += attention_params(path + ".cross_attention", block.multihead_attn, heads)
    params += plain_params(path + ".up", block.linear1, "wb")
    params += plain_params(path + ".down", block.linear2, "wb")
    for k, name in enumerate(norms):
        norm = getattr(block, "norm%d" % (k + 1))
        params += plain_params(path + "." + name, norm, ("gamma", "beta"))
    return params


def by_torch(name, inputs, call, function, params):
    given = {label: torch.tensor(a, dtype=torch.float64 if kind == "f32" else torch.int64,
        requires_grad=kind == "f32") for label, kind, a in inputs}
    y = function(given)
    up = normal(*y.shape)
    loss = (y * torch.tensor(up)).sum()
    loss.backward()
    gradients = [(label, given[label].grad.numpy()) for label, kind, _ in inputs if kind == "f32"]
    gradients += [(path, change(a.grad.numpy())) for path, change, a in params]
    write_several(name, inputs, ["y0 = " + call], [y.detach().numpy()], [up], loss.item(),
        [(path, change(a.detach().numpy())) for path, change, a in params], gradients)


def blocks():
    for name, shape, heads, hidden, activation, first, causal, length in [
        ("encoder", (2, 3, 4), 2, 5, "relu", False, False, None),
        ("encoder_first", (2, 3, 4), 2, 3, "gelu", True, False, None),
        ("encoder_causal", (1, 4, 2), 1, 2, "relu", True, True, None),
        ("encoder_length", (2, 3, 2), 2, 2, "relu", False, False, [2, 3]),
        ("encoder_one", (1, 1, 1), 1, 1, "relu", False, False, None),
    ]:
        block = torch.nn.TransformerEncoderLayer(shape[2], heads, hidden, 0.0, activation,
            batch_first=True, norm_first=first).train()
        shake(block)
        call = "x |> transformer_encoder(%d, %d, %s, norm_first: %s, causal: %s" % (
            heads, hidden, activation, str(first).lower(), str(causal).lower())
        inputs = [("x", "f32", normal(*shape))]
        if length:
            inputs.append(("n", "i32", np.array(length)))
            call += ", length: n"
        above = torch.triu(torch.ones(shape[1], shape[1], dtype=torch.bool), 1) if causal else None
        past = torch.arange(shape[1])[None, :] >= torch.tensor(length)[:, None] if length else None
        by_torch(name, inputs, call + ")",
            lambda given: block(given["x"], src_mask=above, src_key_padding_mask=past),
            block_params("transformer_encoder", block, heads))


def decoders():
    for name, shape, source, heads, hidden, first in [
        ("decoder", (2, 3, 4), 2, 2, 3, False),
        ("decoder_first", (1, 2, 3), 4, 1, 2, True),
    ]:
        block = torch.nn.TransformerDecoderLayer(shape[2], heads, hidden, 0.0, "relu",
            batch_first=True, norm_first=first).train()
        shake(block)
        above = torch.triu(torch.ones(shape[1], shape[1], dtype=torch.bool), 1)
        memory = normal(shape[0], source, shape[2])
        by_torch(name, [("x", "f32", normal(*shape)), ("z", "f32", memory)],
            "x |> transformer_decoder(z, %d, %d, norm_first: %s)"
            % (heads, hidden, str(first).lower()),
            lambda given: block(given["x"], given["z"], tgt_mask=above),
            block_params("transformer_decoder", block, heads))


def shake(block):
    with torch.no_grad():
        for p in block.parameters():
            p.copy_(torch.tensor(normal(*p.shape) * 0.5))


# ---- by formulas --------------------------------------------------------------------------


def dense(n, m, activation=None):
    layer = L.Dense(m, activation=activation)
    layer.build((None, n))
    for v in layer.weights:
        v.assign(normal(*v.shape))
    return layer


def named(path, layer):
    return [(path + ".w", layer.kernel), (path + ".b", layer.bias)]


def gates():
    for name, shape, activation in [
        ("highway", (3, 4), "relu"),
        ("highway_tanh", (2, 3, 2), "tanh"),
        ("highway_one", (1, 1), "relu"),
    ]:
        a, t = dense(shape[-1], shape[-1], activation), dense(shape[-1], shape[-1], "sigmoid")
        several(name, [("x", "f32", normal(*shape))], ["y0 = x |> highway(%s)" % activation],
            lambda given: [t(given["x"]) * a(given["x"]) + (1 - t(given["x"])) * given["x"]],
            named("highway", a)
            + [("highway.transform", t.kernel), ("highway.transform_b", t.bias)])
    for name, shape, ratio in [("squeeze", (2, 3, 2, 4), 2), ("squeeze_odd", (1, 1, 3, 5), 3),
        ("squeeze_one", (1, 1, 1, 1), 1)]:
        c = shape[-1]
        s, e = dense(c, c // ratio, "relu"), dense(c // ratio, c, "sigmoid")
        several(name, [("x", "f32", normal(*shape))],
            ["y0 = x |> squeeze_excite(ratio: %d)" % ratio],
            lambda given: [given["x"] * e(s(tf.reduce_mean(given["x"], [1, 2])))[:, None, None, :]],
            named("squeeze_excite.squeeze", s) + named("squeeze_excite.excite", e))


def around():
    a, b, norm = dense(3, 3, "tanh"), dense(3, 3), L.LayerNormalization(epsilon=1e-3)
    norm.build((None, 3))
    several("residual", [("x", "f32", normal(2, 3))],
        ["a = dense(3, tanh)", "b = dense(3)", "y0 = x |> residual(a, shortcut: b)",
         "y1 = x |> residual(a)"],
        lambda given: [a(given["x"]) + b(given["x"]), a(given["x"]) + given["x"]],
        named("a", a) + named("b", b))
    for v in norm.weights:
        v.assign(normal(3))
    gain = [("gamma", norm.gamma), ("beta", norm.beta)]
    several("pre_norm", [("x", "f32", normal(4, 3))], ["y0 = x |> pre_norm(dense(3, tanh))"],
        lambda given: [given["x"] + a(norm(given["x"]))],
        named("dense", a) + [("pre_norm.norm." + k, v) for k, v in gain])
    several("post_norm", [("x", "f32", normal(2, 2, 3))], ["y0 = x |> post_norm(dense(3, tanh))"],
        lambda given: [norm(given["x"] + a(given["x"]))],
        named("dense", a) + [("post_norm.norm." + k, v) for k, v in gain])
    several("repeated", [("x", "f32", normal(2, 3))], ["y0 = x |> repeated(dense(3, tanh), 2)"],
        lambda given: [dense_twice(given["x"], a, b)],
        named("repeated.level.0", a) + named("repeated.level.1", b))


def dense_twice(x, a, b):
    return tf.tanh(b(a(x)))


def mixtures():
    for name, shape, experts, top, units in [
        ("mixture", (3, 4), 3, 3, 2), ("mixture_top", (2, 3, 2), 4, 2, 3),
        ("mixture_first", (4, 2), 3, 1, 1), ("mixture_one", (1, 1), 1, 1, 1),
    ]:
        gate = keras.Variable(normal(shape[-1], experts))
        layers = [dense(shape[-1], units, "tanh") for _ in range(experts)]

        def function(given):
            w = tf.nn.softmax(tf.tensordot(given["x"], gate.value, 1))
            if top < experts:
                least = tf.sort(w, axis=-1)[..., experts - top : experts - top + 1]
                w = tf.where(w >= least, w, tf.zeros_like(w))
                w = w / tf.reduce_sum(w, -1, keepdims=True)
            return [tf.add_n([w[..., k : k + 1] * f(given["x"]) for k, f in enumerate(layers)]), w]

        params = [("mixture.gate", gate)]
        for k, f in enumerate(layers):
            params += named("mixture.expert.%d" % k, f)
        several(name, [("x", "f32", normal(*shape))],
            ["y0, y1 = x |> mixture(%d, dense(%d, tanh), top: %d, return_gate: true)"
             % (experts, units, top)], function, params)


blocks()
decoders()
gates()
around()
mixtures()
save()
