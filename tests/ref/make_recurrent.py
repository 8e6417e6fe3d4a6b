#!/usr/bin/env python3
"""make_recurrent.py - reference numbers of recurrent; see reference.py."""

from reference import layer_case, normal, save  # first: it sets what Keras reads
import keras

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


recurrent()
save()
