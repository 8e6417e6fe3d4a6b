"""reference.py - what the make_NAME.py of this folder share: reference numbers by Keras in float64.

Each make_NAME.py is run once, by hand, and writes NAME.ref (it needs the Python packages
tensorflow-cpu and keras). The tests need neither: they read NAME.ref, text, several cases a file:

    case NAME
    |a line of the program
    KIND NAME f64[2,3] v v v v v v

KIND is what a tensor is for: input, target, param, state (values to bind, by name or path),
output, loss, gradient (of the loss, by name or path), next (a state after a training step),
metric (a result), given (a parameter's gradients, a row a step), after (a parameter or state of an
optimizer after each of those steps).
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
HERE = os.path.dirname(os.path.abspath(__file__))
RNG = np.random.default_rng(20240607)
cases = []


def number(v):
    text = "%.17g" % v
    short = "%.15g" % v
    return short if float(short) == float(v) else text


def normal(*shape):
    return RNG.standard_normal(shape)


def write(name, program, tensors):
    """Adds a case; tensors are (kind, name, array)."""
    lines = ["case " + name] + ["|" + line for line in program.strip("\n").split("\n")]
    for kind, label, value in tensors:
        a = np.asarray(value, dtype=np.float64)
        shape = ",".join(str(d) for d in a.shape)
        lines.append(
            " ".join(["%s %s f64[%s]" % (kind, label, shape)] + [number(v) for v in a.ravel()])
        )
    cases.append("\n".join(lines) + "\n")


def axes(shape):
    return "[" + ", ".join(["batch"] + [str(d) for d in shape[1:]]) + "]"


def differentiated(name, call, x, function, params, x_type="f32", states=None, fixed=(), before=()):
    """A function of one tensor: its values, and the gradients of sum(y * up).

    call: our expression for it, over x; function(x, training) computes it; params are pairs
    (path, tf.Variable); states are (path, tf.Variable), whose values change in training; fixed
    are (kind, path, tf.Variable) that neither change nor have a gradient; before are lines of
    ours in front of the call.
    """
    states = states or []
    at_first = [(path, v.numpy().copy()) for path, v in states]
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
    tensors += [(kind, path, v.numpy()) for kind, path, v in fixed]
    tensors += [("state", path, v) for path, v in at_first]
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
        ]
        + ["    " + line for line in before]
        + [
            "    y = " + call,
            "    output y",
            "    loss sum(...) y[...] * up[...]",
            "}",
        ]
    )
    write(name, program, tensors)


def write_several(name, inputs, body, outputs, ups, loss, params, gradients):
    """A function of several tensors with several results: `body`, lines of ours that bind
    y0, y1, ...; the loss is the sum of y0 * up0, y1 * up1, ...

    inputs are (name, type, array), params (path, array), gradients (name or path, array).
    """
    everything = list(inputs) + [("up%d" % k, "f32", up) for k, up in enumerate(ups)]
    program = ["model m {"]
    program += ["    input %s: %s%s" % (label, kind, axes(a.shape)) for label, kind, a in everything]
    program += ["    " + line for line in body]
    program += ["    output y%d" % k for k in range(len(ups))]
    program += ["    loss sum(...) y%d[...] * up%d[...]" % (k, k) for k in range(len(ups))]
    tensors = [("input", label, a) for label, _, a in everything]
    tensors += [("param", path, a) for path, a in params]
    tensors += [("output", "y%d" % k, y) for k, y in enumerate(outputs)]
    tensors += [("loss", "loss", loss)]
    tensors += [("gradient", label, g) for label, g in gradients]
    write(name, "\n".join(program + ["}"]), tensors)


def several(name, inputs, body, function, params):
    """write_several with the numbers of function(tensors by name), a list of results, by Keras;
    params are (path, variable)."""
    kinds = {"f32": tf.float64, "i32": tf.int32}
    given = {label: tf.constant(a, dtype=kinds[kind]) for label, kind, a in inputs}
    real = [label for label, kind, _ in inputs if kind == "f32"]
    with tf.GradientTape() as tape:
        for label in real:
            tape.watch(given[label])
        ys = function(given)
        ups = [normal(*y.shape) for y in ys]
        loss = tf.add_n([tf.reduce_sum(y * up) for y, up in zip(ys, ups)])
    wanted = [given[label] for label in real] + [v.value for _, v in params]
    grads = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, wanted)]
    labels = real + [path for path, _ in params]
    write_several(name, inputs, body, [y.numpy() for y in ys], ups, loss.numpy(),
        [(path, v.numpy()) for path, v in params], list(zip(labels, grads)))


def typed(kind, name, dtype, value):
    return "    %s %s: %s%s" % (kind, name, dtype, axes(np.shape(value)))


def loss_case(name, call, inputs, targets, function):
    """A loss: its value, and its gradient by every input.

    inputs: name -> array of reals; targets: name -> (type, array); function takes them by name, as
    tensors of tensorflow, and gives the scalar.
    """
    tensors = {k: tf.constant(v) for k, v in inputs.items()}
    others = {
        k: tf.constant(v, tf.float64 if t == "f32" else tf.int32) for k, (t, v) in targets.items()
    }
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        loss = function(**tensors, **others)
    grads = tape.gradient(loss, tensors)
    grads = {k: tf.convert_to_tensor(g).numpy() for k, g in grads.items()}
    write_loss(name, call, inputs, targets, float(loss), grads)


def write_loss(name, call, inputs, targets, loss, grads):
    lines = [typed("input", k, "f32", v) for k, v in inputs.items()]
    lines += [typed("target", k, t, v) for k, (t, v) in targets.items()]
    first = next(iter(inputs))
    lines += ["    output y = %s * 1" % first, "    loss " + call]
    tensors = [("input", k, v) for k, v in inputs.items()]
    tensors += [("target", k, v) for k, (_, v) in targets.items()]
    tensors += [("loss", "loss", loss)]
    tensors += [("gradient", k, g) for k, g in grads.items()]
    write(name, "\n".join(["model m {"] + lines + ["}"]), tensors)


def text(v):
    """A Python argument as ours: a tuple is a list, a string a word."""
    if isinstance(v, tuple):
        return "[" + ", ".join(text(x) for x in v) + "]"
    return ("true" if v else "false") if isinstance(v, bool) else str(v)


SHORTER = {"stride": "strides", "dilation": "dilation_rate", "bias": "use_bias", "size": "pool_size"}


def word_case(word, kind, name, x, places, options, names=(), **more):
    """A layer of Keras by our word: arguments by place are Keras's first ones, those by name have
    our names, which are Keras's but for SHORTER."""
    args = [text(p) for p in places] + ["%s: %s" % (k, text(v)) for k, v in options.items()]
    layer = kind(*places, **{SHORTER.get(k, k): v for k, v in options.items()})
    call = "x |> %s(%s)" % (word, ", ".join(args))
    layer_case(word + "_" + name, call, layer, x, word, list(names), **more)


def randomise(layer):
    """Random values for all weights, so that biases, gains and statistics matter."""
    for v in layer.weights:
        w = normal(*v.shape) * 0.5
        if v.name in ("gamma", "moving_variance"):
            w = 1 + 0.5 * np.abs(w)
        v.assign(w)


def layer_case(name, call, layer, x, path, names, x_type="f32", mode=False, states=()):
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
    differentiated(name, call, x, run, params, x_type, moving)


def literal(a):
    """An array as the language writes it."""
    if a.ndim:
        return "[" + ", ".join(literal(row) for row in a) + "]"
    return number(a)


def stepping(shapes, lines):
    """A model with the parameters, at values that single precision has, and its train block."""
    starts = [np.round(normal(*shape) * 64) / 64 for _, shape in shapes]
    program = ["model m {", "    input x: f32[batch]"]
    for (path, shape), start in zip(shapes, starts):
        dims = ", ".join(str(d) for d in shape)
        program.append("    param %s: f32[%s] = %s" % (path, dims, literal(start)))
    terms = ["(sum(...) %s[...] * %s[...])" % (path, path) for path, _ in shapes]
    program += ["    y = x * (%s)" % " + ".join(terms), "    output y", "    loss mean(y)", "}"]
    program += ["train m {"] + ["    " + line for line in lines] + ["    batch 1", "}"]
    return starts, "\n".join(program)


def given_gradients(count, shape):
    given = normal(count, *shape)
    given[3] = 0
    given.reshape(count, -1)[:, -1] = 0  # a place that never has a gradient
    given[7] *= 100
    if given[0].size == 1:
        given += 1
    return given


def steps_case(name, lines, optimizer, shapes, count=20, after=None, constraints=None):
    """Steps of a Keras optimizer on given gradients. shapes: (path, shape) of the parameters;
    after(variables): more (path, array) to be compared after each step; constraints: by path."""
    starts, program = stepping(shapes, lines)
    w = [
        keras.Variable(start, dtype="float64", name=path)
        for (path, _), start in zip(shapes, starts)
    ]
    for v in w:
        v.constraint = (constraints or {}).get(v.name)
    given = [given_gradients(count, shape) for _, shape in shapes]
    values = {path: [] for path, _ in shapes}
    for step in range(count):
        optimizer.apply([keras.ops.convert_to_tensor(g[step]) for g in given], w)
        for (path, _), v in zip(shapes, w):
            values[path].append(np.array(v))
        for path, v in after(w) if after else []:
            values.setdefault(path, []).append(np.array(v))
    tensors = [("given", path, g) for (path, _), g in zip(shapes, given)]
    tensors += [("after", path, np.array(v)) for path, v in values.items()]
    write(name, program, tensors)


def save():
    """Writes the cases to the file that is named after the script."""
    script = os.path.basename(sys.argv[0])
    name = script.removeprefix("make_").removesuffix(".py")
    with open(os.path.join(HERE, name + ".ref"), "w") as f:
        f.write(
            "# Made by %s with Keras %s in float64; reference.py has the format.\n"
            % (script, keras.__version__)
        )
        f.write("".join(cases))
