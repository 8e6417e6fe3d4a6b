"""with_jax.py - the models in JAX with optax: one jitted training step whose state is donated.
Parameters are nested dictionaries; a network is a function of them and the input."""

import os
import sys

if "--threads" in sys.argv and sys.argv[sys.argv.index("--threads") + 1] == "1":
    os.environ["XLA_FLAGS"] = (
        "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
from measure import MODELS, arguments, batches, report

options = arguments()
import jax
import jax.numpy as jnp
import optax
from jax import lax

model = MODELS[options.model]
keys = iter(jax.random.split(jax.random.key(0), 256))


def weight(*shape):
    fan_in = 1
    for n in shape[:-1]:
        fan_in *= n
    return jax.random.normal(next(keys), shape) * (2 / fan_in) ** 0.5


def dense(inputs, units):
    return {"w": weight(inputs, units), "b": jnp.zeros(units)}


def affine(p, x):
    return x @ p["w"] + p["b"]


def norm(n):
    return {"gain": jnp.ones(n), "offset": jnp.zeros(n)}


def normalise(p, x, axes):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-3) * p["gain"] + p["offset"]


def convolve(x, k, stride=1, padding="SAME"):
    axes = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, k, (stride, stride), padding, dimension_numbers=axes)


def layered(*units):
    params = [dense(a, b) for a, b in zip(units, units[1:])]

    def run(p, x):
        for layer in p[:-1]:
            x = jax.nn.relu(affine(layer, x))
        return affine(p[-1], x)

    return params, run


def convolutions():
    kernels = [(3, 32), (32, 64), (64, 128)]
    head, classify = layered(512, 128, 10)
    params = {
        "conv": [{"k": weight(3, 3, i, o), "b": jnp.zeros(o)} for i, o in kernels],
        "head": head,
    }

    def run(p, x):
        for layer in p["conv"]:
            x = jax.nn.relu(convolve(x, layer["k"], 1, "VALID") + layer["b"])
            window = (1, 2, 2, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        return classify(p["head"], x.reshape(x.shape[0], -1))

    return params, run


def gates_rnn(p, state, z):
    (h,) = state
    return (jnp.tanh(z + h @ p["u"]),)


def gates_lstm(p, state, z):
    h, c = state
    i, f, g, o = jnp.split(z + h @ p["u"], 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def gates_gru(p, state, z):
    (h,) = state
    a, b, c = jnp.split(z, 3, -1)
    s, t, u = jnp.split(h @ p["u"] + p["b"], 3, -1)
    update, reset = jax.nn.sigmoid(a + s), jax.nn.sigmoid(b + t)
    return (update * h + (1 - update) * jnp.tanh(c + reset * u),)


def sequence(width, gates, parts, states):
    params = {
        "table": weight(model.vocabulary, width),
        "x": dense(width, parts * width),
        "h": {"u": weight(width, parts * width), "b": jnp.zeros(parts * width)},
        "score": dense(width, 1),
    }
    if gates is not gates_gru:
        del params["h"]["b"]

    def run(p, words):
        z = affine(p["x"], p["table"][words]).swapaxes(0, 1)
        start = (jnp.zeros((words.shape[0], width)),) * states
        end, _ = lax.scan(lambda s, z: (gates(p["h"], s, z), None), start, z)
        return affine(p["score"], end[0])

    return params, run


def residual():
    def normal_conv(inputs, filters, kernel):
        return {"k": weight(kernel, kernel, inputs, filters), "norm": norm(filters)}

    def apply(p, x, stride=1):
        return normalise(p["norm"], convolve(x, p["k"], stride), (0, 1, 2))

    blocks, strides, inputs = [], [], 16
    for filters in (16, 32, 64):
        for k in range(3):
            block = {"a": normal_conv(inputs, filters, 3), "b": normal_conv(filters, filters, 3)}
            if inputs != filters:
                block["around"] = normal_conv(inputs, filters, 1)
            blocks.append(block)
            strides.append(1 if inputs == filters else 2)
            inputs = filters
    params = {"first": normal_conv(3, 16, 3), "blocks": blocks, "scores": dense(64, 10)}

    def run(p, x):
        x = jax.nn.relu(apply(p["first"], x))
        for block, stride in zip(p["blocks"], strides):
            y = apply(block["b"], jax.nn.relu(apply(block["a"], x, stride)))
            if "around" in block:
                x = apply(block["around"], x, stride)
            x = jax.nn.relu(x + y)
        return affine(p["scores"], x.mean((1, 2)))

    return params, run


def transformer(width=128, heads=4, depth=4, time=64):
    block = lambda: {
        "norm": norm(width),
        "qkv": dense(width, 3 * width),
        "join": dense(width, width),
        "norm_2": norm(width),
        "wide": dense(width, 4 * width),
        "narrow": dense(4 * width, width),
    }
    params = {
        "token": weight(65, width),
        "place": weight(time, width),
        "blocks": [block() for _ in range(depth)],
        "norm": norm(width),
        "scores": weight(width, 65),
    }

    def attend(p, x):
        shape = (x.shape[0], time, heads, width // heads)
        q, k, v = (part.reshape(shape) for part in jnp.split(affine(p["qkv"], x), 3, -1))
        score = jnp.einsum("bthd,bshd->bhts", q, k) / (width // heads) ** 0.5
        seen = jnp.tril(jnp.ones((time, time), bool))
        share = jax.nn.softmax(jnp.where(seen, score, -jnp.inf))
        return affine(p["join"], jnp.einsum("bhts,bshd->bthd", share, v).reshape(x.shape))

    def run(p, tokens):
        x = p["token"][tokens] + p["place"]
        for b in p["blocks"]:
            x = x + attend(b, normalise(b["norm"], x, -1))
            y = jax.nn.gelu(affine(b["wide"], normalise(b["norm_2"], x, -1)), approximate=False)
            x = x + affine(b["narrow"], y)
        return normalise(p["norm"], x, -1) @ p["scores"]

    return params, run


params, network = {
    "linear": lambda: layered(1, 1),
    "logistic": lambda: layered(2, 1),
    "mlp": lambda: layered(784, 512, 512, 10),
    "cifar": convolutions,
    "rnn_seed": lambda: sequence(16, gates_rnn, 1, 1),
    "rnn_imdb": lambda: sequence(16, gates_rnn, 1, 1),
    "lstm": lambda: sequence(128, gates_lstm, 4, 2),
    "gru": lambda: sequence(128, gates_gru, 3, 1),
    "resnet20": residual,
    "gpt_mini": transformer,
}[options.model]()
optimizer = {
    "sgd": lambda: optax.sgd(0.01),
    "momentum": lambda: optax.sgd(0.1, 0.9),
    "adam": lambda: optax.adam(0.001),
    "adamw": lambda: optax.adamw(0.001),
}[model.optimizer]()


def loss_of(params, x, y):
    scores = network(params, x)
    if model.target == "real":
        return ((scores - y) ** 2).mean()
    if model.target == "yes_or_no":
        return optax.sigmoid_binary_cross_entropy(scores, y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()


def train(params, state, x, y):
    loss, gradient = jax.value_and_grad(loss_of)(params, x, y)
    update, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, update), state, loss


train = jax.jit(train, donate_argnums=(0, 1))
infer = jax.jit(network)
data = [(jnp.asarray(x), jnp.asarray(y)) for x, y in batches(model)]
one = data[0][0][:1]
held = [params, optimizer.init(params)]
done = 0


def step():
    global done
    x, y = data[done % len(data)]
    done += 1
    held[0], held[1], loss = train(held[0], held[1], x, y)
    return loss.block_until_ready()


report(options.seconds, step, lambda: infer(held[0], one).block_until_ready())
