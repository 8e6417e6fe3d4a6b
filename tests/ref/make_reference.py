#!/usr/bin/env python3
"""make_reference.py - makes the reference numbers of this folder with Keras in float64.

Run once, by hand:  python3 make_reference.py   (needs the Python packages tensorflow-cpu and keras)
The tests need neither: they read NAME.ref, text, several cases a file:

    case NAME
    |a line of the program
    KIND NAME f64[2,3] v v v v v v

KIND is what a tensor is for: input, target, param, state (values to bind, by name or path),
output, loss, gradient (of the loss, by name or path), next (a state after a training step),
metric (a result), given (a parameter's gradients, a row a step), after (the parameter after
each of those steps).
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
HERE = os.path.dirname(os.path.abspath(__file__))
RNG = np.random.default_rng(20240607)
L = keras.layers
files = {}


def number(v):
    text = "%.17g" % v
    short = "%.15g" % v
    return short if float(short) == float(v) else text


def normal(*shape):
    return RNG.standard_normal(shape)


def write(file, name, program, tensors):
    """Adds a case; tensors are (kind, name, array)."""
    lines = ["case " + name] + ["|" + line for line in program.strip("\n").split("\n")]
    for kind, label, value in tensors:
        a = np.asarray(value, dtype=np.float64)
        shape = ",".join(str(d) for d in a.shape)
        lines.append(
            " ".join(["%s %s f64[%s]" % (kind, label, shape)] + [number(v) for v in a.ravel()])
        )
    files.setdefault(file, []).append("\n".join(lines) + "\n")


def axes(shape):
    return "[" + ", ".join(["batch"] + [str(d) for d in shape[1:]]) + "]"


def differentiated(file, name, call, x, function, params, x_type="f32", states=None):
    """A function of one tensor: its values, and the gradients of sum(y * up).

    call: our expression for it, over x; function(x, training) computes it; params are pairs
    (path, tf.Variable); states are (path, tf.Variable), whose values change in training.
    """
    states = states or []
    before = [(path, v.numpy().copy()) for path, v in states]
    real = x_type == "f32"
    tx = tf.constant(x, dtype=tf.float64 if real else tf.int32)
    y = function(tx, False).numpy()
    up = normal(*y.shape)
    with tf.GradientTape() as tape:
        if real:
            tape.watch(tx)
        yt = function(tx, True)
        loss = tf.reduce_sum(yt * up)
    wanted = ([tx] if real else []) + [v for _, v in params]
    grads = tape.gradient(loss, [v.value if isinstance(v, keras.Variable) else v for v in wanted])
    labels = (["x"] if real else []) + [path for path, _ in params]
    tensors = [("input", "x", x), ("input", "up", up)]
    tensors += [("param", path, v.numpy()) for path, v in params]
    tensors += [("state", path, v) for path, v in before]
    tensors += [("output", "y", y), ("loss", "loss", loss.numpy())]
    tensors += [
        ("gradient", label, tf.convert_to_tensor(g).numpy()) for label, g in zip(labels, grads)
    ]
    tensors += [("next", path, v.numpy()) for path, v in states]
    program = "\n".join(
        [
            "model m {",
            "    input x: %s%s" % (x_type, axes(x.shape)),
            "    input up: f32%s" % axes(y.shape),
            "    y = " + call,
            "    output y",
            "    loss sum(...) y[...] * up[...]",
            "}",
        ]
    )
    write(file, name, program, tensors)


def randomise(layer):
    """Random values for all weights, so that biases, gains and statistics matter."""
    for v in layer.weights:
        w = normal(*v.shape) * 0.5
        if v.name in ("gamma", "moving_variance"):
            w = 1 + 0.5 * np.abs(w)
        v.assign(w)


def layer_case(file, name, call, layer, x, path, names, x_type="f32", mode=False, states=()):
    """names: our names of the layer's trainable weights, in Keras's order."""
    tx = tf.constant(x, dtype=tf.float64 if x_type == "f32" else tf.int32)
    layer(tx)
    randomise(layer)
    run = (
        (lambda v, training: layer(v, training=training))
        if mode
        else (lambda v, training: layer(v))
    )
    params = list(zip([path + "." + n for n in names], layer.trainable_weights))
    moving = list(zip([path + "." + n for n in states], layer.non_trainable_weights))
    differentiated(file, name, call, x, run, params, x_type, moving)


def dense():
    kb = ["w", "b"]
    for name, shape, units in [
        ("plain", (3, 5), 4),
        ("one", (1, 1), 1),
        ("rank_3", (2, 3, 4), 2),
        ("to_one", (4, 7), 1),
    ]:
        layer_case(
            "dense", name, "x |> dense(%d)" % units, L.Dense(units), normal(*shape), "dense", kb
        )
    layer_case(
        "dense",
        "no_bias",
        "x |> dense(3, bias: false)",
        L.Dense(3, use_bias=False),
        normal(2, 4),
        "dense",
        ["w"],
    )
    layer_case(
        "dense",
        "activation",
        "x |> dense(5, activation: tanh)",
        L.Dense(5, activation="tanh"),
        normal(3, 2),
        "dense",
        kb,
    )


def conv2d():
    table = [
        ("valid", (2, 6, 5, 3), 4, 3, {}),
        ("one", (1, 1, 1, 1), 1, 1, {}),
        ("one_pixel_same", (2, 1, 1, 2), 3, 3, {"padding": "same"}),
        ("stride_2", (2, 7, 6, 2), 3, 3, {"stride": 2}),
        ("stride_3", (1, 8, 11, 2), 2, 2, {"stride": 3}),
        ("stride_beyond_kernel", (2, 9, 8, 1), 2, 2, {"stride": 4}),
        ("same", (2, 5, 4, 2), 3, 3, {"padding": "same"}),
        ("same_even_kernel", (1, 5, 6, 2), 2, 4, {"padding": "same"}),
        ("same_stride_2", (2, 5, 6, 2), 3, 3, {"padding": "same", "stride": 2}),
        ("same_stride_3", (2, 7, 8, 1), 2, 4, {"padding": "same", "stride": 3}),
        ("dilation_2", (2, 7, 8, 2), 2, 3, {"dilation": 2}),
        ("dilation_3_same", (1, 6, 7, 2), 2, 2, {"dilation": 3, "padding": "same"}),
    ]
    for name, shape, filters, kernel, options in table:
        args = "".join(", %s: %s" % (k, v) for k, v in options.items())
        layer = L.Conv2D(
            filters,
            kernel,
            strides=options.get("stride", 1),
            padding=options.get("padding", "valid"),
            dilation_rate=options.get("dilation", 1),
        )
        layer_case(
            "conv2d",
            name,
            "x |> conv2d(%d, %d%s)" % (filters, kernel, args),
            layer,
            normal(*shape),
            "conv2d",
            ["k", "b"],
        )
    grouped("groups_2", normal(2, 5, 5, 4), 6, 3, 2)
    grouped("depthwise", normal(1, 4, 5, 3), 6, 2, 3)


def grouped(name, x, filters, kernel, groups):
    size, share = x.shape[3] // groups, filters // groups
    k = tf.Variable(normal(kernel, kernel, size, filters))
    b = tf.Variable(normal(filters))

    def function(v, training):
        parts = [
            tf.nn.conv2d(
                v[..., g * size : (g + 1) * size], k[..., g * share : (g + 1) * share], 1, "VALID"
            )
            for g in range(groups)
        ]
        return tf.concat(parts, axis=3) + b

    differentiated(
        "conv2d",
        name,
        "x |> conv2d(%d, %d, groups: %d)" % (filters, kernel, groups),
        x,
        function,
        [("conv2d.k", k), ("conv2d.b", b)],
    )


def pooling():
    table = [
        ("2", (2, 6, 4, 3), "2", dict(pool_size=2)),
        ("ragged", (2, 7, 5, 2), "2", dict(pool_size=2)),
        ("overlapping", (1, 6, 7, 2), "3, stride: 2", dict(pool_size=3, strides=2)),
        ("sparse", (1, 9, 8, 2), "2, stride: 3", dict(pool_size=2, strides=3)),
        ("same", (2, 5, 7, 2), "2, padding: same", dict(pool_size=2, padding="same")),
        (
            "same_3",
            (1, 6, 5, 1),
            "3, stride: 2, padding: same",
            dict(pool_size=3, strides=2, padding="same"),
        ),
        ("one", (1, 1, 1, 1), "1", dict(pool_size=1)),
    ]
    for name, shape, args, options in table:
        layer_case(
            "pooling",
            "max_" + name,
            "x |> max_pool2d(%s)" % args,
            L.MaxPooling2D(**options),
            normal(*shape),
            "",
            [],
        )
        layer_case(
            "pooling",
            "average_" + name,
            "x |> average_pool2d(%s)" % args,
            L.AveragePooling2D(**options),
            normal(*shape),
            "",
            [],
        )
    layer_case(
        "pooling",
        "global_average",
        "x |> global_average_pool2d",
        L.GlobalAveragePooling2D(),
        normal(2, 3, 4, 5),
        "",
        [],
    )
    layer_case(
        "pooling",
        "global_max",
        "x |> global_max_pool2d",
        L.GlobalMaxPooling2D(),
        normal(2, 3, 4, 5),
        "",
        [],
    )
    for shape in [(3, 2, 3, 4), (2, 5), (2, 3, 2), (1, 1, 1, 1, 1)]:
        layer_case(
            "pooling",
            "flatten_%d" % len(shape),
            "x |> flatten",
            L.Flatten(),
            normal(*shape),
            "",
            [],
        )


def embedding():
    for name, shape, vocabulary, units in [
        ("plain", (3, 5), 7, 4),
        ("flat", (6,), 3, 2),
        ("one", (1, 1), 1, 1),
    ]:
        words = RNG.integers(0, vocabulary, shape).astype(np.float64)
        layer_case(
            "embedding",
            name,
            "x |> embedding(%d, %d)" % (vocabulary, units),
            L.Embedding(vocabulary, units),
            words,
            "embedding",
            ["table"],
            x_type="i32",
        )


def recurrent():
    for ours, theirs in [("simple_rnn", L.SimpleRNN), ("lstm", L.LSTM), ("gru", L.GRU)]:
        table = [
            ("last", (2, 4, 3), 5, "", {}),
            ("sequence", (3, 5, 2), 2, ", return_sequences: true", dict(return_sequences=True)),
            ("backwards", (2, 3, 2), 3, ", go_backwards: true", dict(go_backwards=True)),
            (
                "backwards_sequence",
                (1, 4, 1),
                2,
                ", return_sequences: true, go_backwards: true",
                dict(return_sequences=True, go_backwards=True),
            ),
            ("one", (1, 1, 1), 1, "", {}),
        ]
        for name, shape, units, args, options in table:
            layer_case(
                "recurrent",
                ours + "_" + name,
                "x |> %s(%d%s)" % (ours, units, args),
                theirs(units, **options),
                normal(*shape),
                ours,
                ["w", "u", "b"],
            )
    layer_case(
        "recurrent",
        "simple_rnn_relu",
        "x |> simple_rnn(3, activation: relu)",
        L.SimpleRNN(3, activation="relu"),
        normal(2, 4, 2),
        "simple_rnn",
        ["w", "u", "b"],
    )


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
        differentiated("attention", name, call, x, run, params)


def normalization():
    moving = ["moving_mean", "moving_variance"]
    for name, shape, args, options in [
        ("matrix", (5, 3), "", {}),
        ("image", (3, 2, 4, 2), "", {}),
        ("two_rows", (2, 1), "", {}),
        ("momentum", (4, 2), "(momentum: 0.8, epsilon: 0.01)", dict(momentum=0.8, epsilon=0.01)),
        ("plain", (4, 3), "(center: false, scale: false)", dict(center=False, scale=False)),
    ]:
        names = [] if name == "plain" else ["gamma", "beta"]
        layer_case(
            "normalization",
            "batch_" + name,
            "x |> batch_norm" + args,
            L.BatchNormalization(**options),
            normal(*shape),
            "batch_norm",
            names,
            mode=True,
            states=moving,
        )
    for name, shape, args, options in [
        ("matrix", (3, 5), "", {}),
        ("rank_3", (2, 3, 4), "", {}),
        ("one", (2, 1), "", {}),
        ("epsilon", (2, 6), "(epsilon: 0.1)", dict(epsilon=0.1)),
        ("no_beta", (2, 3), "(center: false)", dict(center=False)),
    ]:
        names = ["gamma"] if name == "no_beta" else ["gamma", "beta"]
        layer_case(
            "normalization",
            "layer_" + name,
            "x |> layer_norm" + args,
            L.LayerNormalization(**options),
            normal(*shape),
            "layer_norm",
            names,
        )


def activations():
    # TensorFlow's own takes the slope in single precision.
    leaky = lambda v, slope: tf.where(v > 0, v, slope * v)
    a = keras.activations
    x = np.concatenate([normal(2, 6), [[30.0, -30.0], [3.5, -0.001]]], axis=1)
    table = [
        ("relu", a.relu),
        ("relu6", a.relu6),
        ("leaky_relu", lambda v: leaky(v, 0.2)),
        ("elu", a.elu),
        ("selu", a.selu),
        ("silu", a.silu),
        ("softsign", a.softsign),
        ("sigmoid", a.sigmoid),
        ("tanh", a.tanh),
        ("softplus", a.softplus),
        ("exp", a.exponential),
        ("softmax", lambda v: a.softmax(v)),
        ("log_softmax", lambda v: a.log_softmax(v)),
        ("gelu", lambda v: v * 0.5 * (1 + tf.math.erf(v / np.sqrt(2.0)))),
        (
            "gelu(approximate: true)",
            lambda v: 0.5 * v * (1 + tf.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))),
        ),
        ("leaky_relu(negative_slope: 0.01)", lambda v: leaky(v, 0.01)),
        ("elu(alpha: 0.5)", lambda v: a.elu(v, alpha=0.5)),
        ("log_sum_exp", lambda v: tf.reduce_logsumexp(v, axis=-1)),
    ]
    for call, function in table:
        name = call.replace("(", "_").replace(": ", "_").replace(")", "")
        differentiated("activations", name, "x |> " + call, x, lambda v, training: function(v), [])
    differentiated(
        "activations",
        "softmax_rank_3",
        "x |> softmax",
        5 * normal(2, 3, 4),
        lambda v, training: tf.nn.softmax(v),
        [],
    )
    differentiated(
        "activations",
        "softmax_one",
        "x |> softmax",
        normal(3, 1),
        lambda v, training: tf.nn.softmax(v),
        [],
    )


def loss_case(name, call, x, target, target_type, function):
    tx = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tx)
        loss = tf.reduce_mean(
            function(tx, tf.constant(target, tf.int32 if target_type != "f32" else tf.float64))
        )
    program = "\n".join(
        [
            "model m {",
            "    input x: f32%s" % axes(x.shape),
            "    target t: %s%s" % (target_type, axes(target.shape)),
            "    output y = x * 1",
            "    loss " + call,
            "}",
        ]
    )
    write(
        "losses",
        name,
        program,
        [
            ("input", "x", x),
            ("target", "t", target),
            ("loss", "loss", loss.numpy()),
            ("gradient", "x", tape.gradient(loss, tx).numpy()),
        ],
    )


def losses():
    k = keras.losses
    mse, mae = k.MeanSquaredError(), k.MeanAbsoluteError()
    bce = k.BinaryCrossentropy(from_logits=True)
    sparse, dist = k.SparseCategoricalCrossentropy(from_logits=True), k.CategoricalCrossentropy(
        from_logits=True
    )
    for name, ours, theirs in [
        ("squared", "mean_squared_error", mse),
        ("absolute", "mean_absolute_error", mae),
    ]:
        loss_case(
            name, ours + "(x, t)", normal(4, 3), normal(4, 3), "f32", lambda x, t: theirs(t, x)
        )
        loss_case(
            name + "_column",
            ours + "(x, t)",
            normal(5, 1),
            normal(5),
            "f32",
            lambda x, t: theirs(t, x[:, 0]),
        )
        loss_case(
            name + "_flat", ours + "(x, t)", normal(5), normal(5), "f32", lambda x, t: theirs(t, x)
        )
    bits = RNG.integers(0, 2, 6).astype(np.float64)
    big = np.array([[40.0], [-40.0], [0.5], [-3.0], [200.0], [1e-3]])
    loss_case(
        "binary", "binary_cross_entropy(x, t)", big, bits, "i32", lambda x, t: bce(t, x[:, 0])
    )
    loss_case(
        "binary_soft",
        "binary_cross_entropy(x, t)",
        normal(3, 4),
        RNG.random((3, 4)),
        "f32",
        lambda x, t: bce(t, x),
    )
    label = RNG.integers(0, 5, 4).astype(np.float64)
    loss_case(
        "sparse", "cross_entropy(x, t)", 3 * normal(4, 5), label, "i32", lambda x, t: sparse(t, x)
    )
    loss_case(
        "sparse_far",
        "cross_entropy(x, t)",
        np.array([[1000.0, -1000.0, 999.0], [0, 0, -800]]),
        np.array([2.0, 1.0]),
        "i32",
        lambda x, t: sparse(t, x),
    )
    loss_case(
        "sparse_sequence",
        "cross_entropy(x, t)",
        normal(2, 3, 4),
        RNG.integers(0, 4, (2, 3)).astype(np.float64),
        "i32",
        lambda x, t: sparse(t, x),
    )
    loss_case(
        "sparse_column",
        "cross_entropy(x, t)",
        normal(4, 5),
        label[:, None],
        "i32",
        lambda x, t: sparse(t, x),
    )
    loss_case(
        "one_hot",
        "cross_entropy(x, t)",
        normal(4, 5),
        np.eye(5)[label.astype(int)],
        "f32",
        lambda x, t: dist(t, x),
    )
    soft = RNG.random((3, 4))
    loss_case(
        "distribution",
        "cross_entropy(x, t)",
        normal(3, 4),
        soft / soft.sum(1, keepdims=True),
        "f32",
        lambda x, t: dist(t, x),
    )


def metric_case(name, call, x, target, target_type, metric, squeeze=False):
    metric.update_state(target, x[:, 0] if squeeze else x)
    program = "\n".join(
        [
            "model m {",
            "    input x: f32%s" % axes(x.shape),
            "    target t: %s%s" % (target_type, axes(target.shape)),
            "    output y = x * 1",
            "    metric result = " + call,
            "}",
        ]
    )
    write(
        "metrics",
        name,
        program,
        [("input", "x", x), ("target", "t", target), ("metric", "result", float(metric.result()))],
    )


def metrics():
    m = keras.metrics
    label = RNG.integers(0, 3, 9).astype(np.float64)
    scores = normal(9, 3)
    scores[0] = 1.0  # a tie: the first counts
    metric_case("accuracy", "accuracy(x, t)", scores, label, "i32", m.SparseCategoricalAccuracy())
    metric_case(
        "accuracy_one_hot",
        "accuracy(x, t)",
        scores,
        np.eye(3)[label.astype(int)],
        "f32",
        m.CategoricalAccuracy(),
    )
    metric_case(
        "accuracy_sequence",
        "accuracy(x, t)",
        normal(3, 2, 4),
        RNG.integers(0, 4, (3, 2)).astype(np.float64),
        "i32",
        m.SparseCategoricalAccuracy(),
    )
    bits = RNG.integers(0, 2, 11).astype(np.float64)
    metric_case(
        "binary",
        "binary_accuracy(x, t)",
        normal(11, 1),
        bits,
        "i32",
        m.BinaryAccuracy(threshold=0.0),
        True,
    )
    metric_case(
        "binary_probability",
        "binary_accuracy(x, t, threshold: 0.5)",
        RNG.random((11, 1)),
        bits,
        "i32",
        m.BinaryAccuracy(),
        True,
    )
    for ours, theirs in [
        ("mean_absolute_error", m.MeanAbsoluteError),
        ("mean_squared_error", m.MeanSquaredError),
        ("root_mean_squared_error", m.RootMeanSquaredError),
    ]:
        metric_case(ours, ours + "(x, t)", normal(5, 3), normal(5, 3), "f32", theirs())
        metric_case(
            ours + "_column", ours + "(x, t)", normal(7, 1), normal(7), "f32", theirs(), True
        )


def optimizers():
    real = np.float64  # of a Python float Keras keeps single precision
    o = keras.optimizers
    table = [
        ("sgd", "sgd()", o.SGD(0.01)),
        ("sgd_rate", "sgd(rate: 0.3)", o.SGD(0.3)),
        ("momentum", "sgd(rate: 0.1, momentum: 0.9)", o.SGD(0.1, momentum=real(0.9))),
        (
            "nesterov",
            "sgd(rate: 0.1, momentum: 0.9, nesterov: true)",
            o.SGD(0.1, momentum=real(0.9), nesterov=True),
        ),
        ("adam", "adam()", o.Adam(0.001, beta_1=real(0.9), beta_2=real(0.999))),
        (
            "adam_other",
            "adam(rate: 0.05, beta_1: 0.8, beta_2: 0.95, epsilon: 0.01)",
            o.Adam(0.05, beta_1=real(0.8), beta_2=real(0.95), epsilon=0.01),
        ),
        ("rmsprop", "rmsprop()", o.RMSprop(0.001, rho=real(0.9))),
        ("rmsprop_other", "rmsprop(rate: 0.02, rho: 0.7)", o.RMSprop(0.02, rho=real(0.7))),
    ]
    optimizer_cases(table)


def decay():
    o = keras.optimizers
    real = np.float64  # of a Python float Keras keeps single precision
    betas = dict(beta_1=real(0.9), beta_2=real(0.999))
    optimizer_cases([
        ("adamw", "adamw()", o.AdamW(0.001, weight_decay=real(0.004), **betas)),
        (
            "adamw_other",
            "adamw(rate: 0.05, weight_decay: 0.3)",
            o.AdamW(0.05, weight_decay=real(0.3), **betas),
        ),
    ])


def optimizer_cases(table):
    for name, call, optimizer in table:
        start, given = normal(2, 3), normal(20, 2, 3)
        given[3] = 0
        given[:, 1, 2] = 0  # a place that never has a gradient
        given[7] *= 100
        w = keras.Variable(start, dtype="float64")
        after = []
        for g in given:
            optimizer.apply([tf.constant(g)], [w])
            after.append(w.numpy().copy())
        program = "\n".join(
            [
                "model m {",
                "    input x: f32[batch, 2]",
                "    param w: f32[2, 3] = zeros()",
                "    y = x @ w",
                "    output y",
                "    loss sum(...) y[...] * y[...]",
                "}",
                "train m {",
                "    optimizer " + call,
                "    batch 1",
                "}",
            ]
        )
        write(
            "optimizers",
            name,
            program,
            [("param", "w", start), ("given", "w", given), ("after", "w", np.array(after))],
        )


def main():
    for make in [dense, conv2d, pooling, embedding, recurrent, normalization, activations, losses,
                 metrics, optimizers, attention, decay]:
        make()
    for name, cases in files.items():
        with open(os.path.join(HERE, name + ".ref"), "w") as f:
            f.write(
                "# Made by make_reference.py with Keras %s in float64; see there for the format.\n"
                % keras.__version__
            )
            f.write("".join(cases))


main()
