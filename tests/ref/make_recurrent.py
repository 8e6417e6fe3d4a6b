#!/usr/bin/env python3
"""make_recurrent.py - reference numbers of recurrent; see reference.py."""

# reference is imported first: it sets what Keras reads
from reference import layer_case, normal, randomise, save, several
import keras
import numpy as np
import tensorflow as tf

L = keras.layers


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
            layer_case(ours + "_" + name,
                "x |> %s(%d%s)" % (ours, units, args),
                theirs(units, **options),
                normal(*shape),
                ours,
                ["w", "u", "b"],
            )
    layer_case("simple_rnn_relu",
        "x |> simple_rnn(3, activation: relu)",
        L.SimpleRNN(3, activation="relu"),
        normal(2, 4, 2),
        "simple_rnn",
        ["w", "u", "b"],
    )


KINDS = {"simple_rnn": L.SimpleRNN, "lstm": L.LSTM, "gru": L.GRU}
STATES = {"simple_rnn": ["h"], "lstm": ["h", "c"], "gru": ["h"]}
SHORTER = {  # our names of Keras's arguments
    "use_bias": "bias", "merge_mode": "merge",
}


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def arguments(options):
    return "".join(", %s: %s" % (SHORTER.get(k, k), text(v)) for k, v in options.items())


def variables(path, layer):
    return list(zip([path + "." + n for n in "wub"], layer.trainable_weights))


def as_list(y):
    return list(y) if isinstance(y, (list, tuple)) else [y]


def results(kind, options, times=1):
    """The names that a call's results are bound to."""
    n = 1 + times * len(STATES[kind]) if options.get("return_state") else 1
    return ", ".join("y%d" % k for k in range(n))


def optioned(name, kind, shape, units, length=None, mask=None, start=False, **options):
    """One layer with lengths or a mask, an initial state, and other options."""
    layer = KINDS[kind](units, **options)
    inputs = [("x", "f32", normal(*shape))]
    call = "x |> %s(%d%s" % (kind, units, arguments(options))
    if length is not None:
        inputs.append(("n", "i32", np.array(length)))
        call += ", length: n"
    if mask is not None:
        inputs.append(("m", "i32", np.array(mask)))
        call += ", mask: m == 1"
    if start:
        inputs += [(s, "f32", normal(shape[0], units)) for s in STATES[kind]]
        call += ", initial_state: " + ("[h, c]" if kind == "lstm" else "h")

    def function(given):
        valid = None
        if length is not None:
            valid = tf.range(shape[1])[None, :] < given["n"][:, None]
        if mask is not None:
            valid = given["m"] == 1 if valid is None else valid & (given["m"] == 1)
        state = [given[s] for s in STATES[kind]] if start else None
        return as_list(layer(given["x"], mask=valid, initial_state=state))

    layer(tf.constant(inputs[0][2]))
    randomise(layer)
    several(name, inputs, [results(kind, options) + " = " + call + ")"], function,
        variables(kind, layer))


def with_options():
    every = dict(return_sequences=True, return_state=True)
    for kind in KINDS:
        optioned(kind + "_states", kind, (2, 3, 2), 3, start=True, **every)
        optioned(kind + "_no_bias", kind, (2, 3, 1), 2, use_bias=False, return_state=True)
        optioned(kind + "_length", kind, (4, 5, 2), 3, length=[5, 1, 0, 3], **every)
        optioned(kind + "_length_backwards", kind, (3, 4, 2), 2, length=[2, 4, 1],
            go_backwards=True, **every)
        optioned(kind + "_mask", kind, (2, 4, 1), 2, mask=[[0, 1, 0, 1], [1, 1, 0, 0]], **every)
        optioned(kind + "_both", kind, (2, 3, 2), 1, length=[2, 3], mask=[[0, 1, 1], [1, 0, 1]])
        optioned(kind + "_cleared", kind, (3, 4, 2), 2, length=[1, 4, 2],
            zero_output_for_mask=True, **every)
        optioned(kind + "_length_states", kind, (3, 3, 1), 1, length=[1, 3, 2], start=True,
            **every)
        optioned(kind + "_one_step", kind, (2, 1, 3), 2, length=[1, 1], start=True, **every)
    for kind in ("lstm", "gru"):
        optioned(kind + "_activations", kind, (2, 3, 2), 2, activation="softsign",
            recurrent_activation="silu")
    optioned("gru_reset_before", "gru", (3, 4, 2), 3, reset_after=False, **every)
    optioned("gru_reset_before_no_bias", "gru", (2, 3, 2), 2, reset_after=False, use_bias=False)
    optioned("gru_reset_before_length", "gru", (2, 3, 1), 2, reset_after=False, length=[1, 2],
        start=True)


def both_ways(name, kind, shape, units, merge, length=None, start=False, **options):
    layer = L.Bidirectional(KINDS[kind](units, **options), merge_mode=merge)
    inputs = [("x", "f32", normal(*shape))]
    call = "x |> bidirectional(%s(%d%s), merge: %s" % (kind, units, arguments(options), merge)
    if length is not None:
        inputs.append(("n", "i32", np.array(length)))
        call += ", length: n"
    names = [s + str(k) for k in range(2) for s in STATES[kind]]
    if start:
        inputs += [(s, "f32", normal(shape[0], units)) for s in names]
        call += ", initial_state: [%s]" % ", ".join(names)

    def function(given):
        valid = None
        if length is not None:
            valid = tf.range(shape[1])[None, :] < given["n"][:, None]
        state = [given[s] for s in names] if start else None
        return as_list(layer(given["x"], mask=valid, initial_state=state))

    layer(tf.constant(inputs[0][2]))
    randomise(layer)
    several(name, inputs, [results(kind, options, 2) + " = " + call + ")"], function,
        variables("bidirectional.forward", layer.forward_layer)
        + variables("bidirectional.backward", layer.backward_layer))


def bidirectional():
    for kind, merge in [("simple_rnn", "concat"), ("lstm", "sum"), ("gru", "mul"), ("lstm", "ave")]:
        name = "bidirectional_%s_%s" % (kind, merge)
        both_ways(name, kind, (2, 3, 2), 2, merge)
        both_ways(name + "_sequence", kind, (2, 4, 1), 3, merge, return_sequences=True)
    both_ways("bidirectional_length", "gru", (3, 4, 2), 2, "concat", length=[4, 1, 2],
        return_sequences=True)
    both_ways("bidirectional_length_last", "lstm", (3, 4, 2), 2, "concat", length=[4, 1, 2])
    both_ways("bidirectional_states", "gru", (2, 3, 1), 2, "concat", start=True,
        return_sequences=True, return_state=True)
    both_ways("bidirectional_lstm_states", "lstm", (2, 2, 1), 1, "concat", return_state=True)
    both_ways("bidirectional_one", "lstm", (1, 1, 1), 1, "concat", start=True)


def others():
    """Cells in a scan, stacks, the same layer for all steps."""
    x = normal(2, 3, 2)
    for kind, cell in [("simple_rnn", L.SimpleRNNCell), ("lstm", L.LSTMCell), ("gru", L.GRUCell)]:
        layer = L.RNN(cell(3))
        layer(tf.constant(x))
        randomise(layer)
        states = STATES[kind]
        body = ["cell = %s_cell(3)" % kind,
            "scan t in 3 with %s { %s = cell(x[:, t], %s) }" % (
                ", ".join(s + " = zeros(batch, 3)" for s in states),
                ", ".join(states), ", ".join(states)),
            "y0 = h"]
        several(kind + "_cell", [("x", "f32", x)], body,
            lambda given, layer=layer: [layer(given["x"])], variables("cell", layer))
    layers = [L.GRU(2, return_sequences=True), L.GRU(2, return_sequences=True), L.GRU(2)]
    for layer in layers:
        layer(tf.constant(normal(2, 3, 3 if layer is layers[0] else 2)))
        randomise(layer)
    several("stacked", [("x", "f32", normal(2, 3, 3))], ["y0 = x |> stacked(gru(2), 3)"],
        lambda given: [layers[2](layers[1](layers[0](given["x"])))],
        [v for k in range(3) for v in variables("stacked.level.%d" % k, layers[k])])
    dense = L.Dense(3, activation="tanh")
    layer = L.TimeDistributed(dense)
    x = normal(2, 4, 2)
    layer(tf.constant(x))
    randomise(dense)
    several("time_distributed", [("x", "f32", x)],
        ["y0 = x |> time_distributed(dense(3, activation: tanh))"],
        lambda given: [layer(given["x"])],
        [("dense.w", dense.kernel), ("dense.b", dense.bias)])
    words = np.array([[3, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]])
    x = normal(3, 3, 2) * np.array([[[1], [0], [1]], [[1], [1], [0]], [[0], [0], [0]]])
    several("masks", [("x", "f32", x), ("words", "i32", words)],
        ["y0 = real(valid_length(words)) + 0 * x[:, 0, 0]",
         "y1 = (if masking(x) then 1 else 0) * x[:, :, 1]"],
        lambda given: [tf.constant([2.0, 3.0, 0.0], tf.float64) + 0 * given["x"][:, 0, 0],
            tf.cast(L.Masking().compute_mask(given["x"]), tf.float64) * given["x"][:, :, 1]], [])


recurrent()
with_options()
bidirectional()
others()
save()
