"""with_keras.py - the models in Keras on TensorFlow. A step is the compiled train function on a
prefetched data set, as fit() runs it; --compile is jit_compile, that is XLA."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
from measure import MODELS, arguments, batches, report

options = arguments()
import keras
import numpy as np
import tensorflow as tf
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)


def dense_net(*units):
    hidden = [layers.Dense(n, activation="relu") for n in units[:-1]]
    return hidden + [layers.Dense(units[-1])]


def convolutions():
    stack = []
    for filters in (32, 64, 128):
        stack += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D()]
    return stack + [layers.Flatten()] + dense_net(128, 10)


def sequence(vocabulary, width, recurrent):
    return [layers.Embedding(vocabulary, width), recurrent, layers.Dense(1)]


def residual(x):
    def normal_conv(x, filters, kernel, stride=1):
        conv = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)
        return layers.BatchNormalization()(conv(x))

    x = layers.ReLU()(normal_conv(x, 16, 3))
    for filters in (16, 32, 64):
        for k in range(3):
            stride = 2 if k == 0 and filters > 16 else 1
            y = layers.ReLU()(normal_conv(x, filters, 3, stride))
            y = normal_conv(y, filters, 3)
            if stride == 2:
                x = normal_conv(x, filters, 1, stride)
            x = layers.ReLU()(layers.Add()([x, y]))
    return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))


def transformer(tokens):
    x = layers.Embedding(65, 128)(tokens) + layers.Embedding(64, 128)(np.arange(64)[None])
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 32)(y, y, use_causal_mask=True)
        y = layers.Dense(512, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(128)(y)
    return layers.Dense(65, use_bias=False)(layers.LayerNormalization()(x))


def build(name, model):
    whole = {"resnet20": residual, "gpt_mini": transformer}
    start = layers.Input(model.shape, dtype="int32" if model.vocabulary else "float32")
    if name in whole:
        return keras.Model(start, whole[name](start))
    stack = {
        "linear": lambda: dense_net(1),
        "logistic": lambda: dense_net(1),
        "mlp": lambda: dense_net(512, 512, 10),
        "cifar": convolutions,
        "rnn_seed": lambda: sequence(2, 16, layers.SimpleRNN(16)),
        "rnn_imdb": lambda: sequence(20000, 16, layers.SimpleRNN(16)),
        "lstm": lambda: sequence(20000, 128, layers.LSTM(128)),
        "gru": lambda: sequence(20000, 128, layers.GRU(128)),
    }
    return keras.Sequential([start] + stack[name]())


model = MODELS[options.model]
net = build(options.model, model)
optimizer = {
    "sgd": lambda: keras.optimizers.SGD(0.01),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.001),
    "adamw": lambda: keras.optimizers.AdamW(0.001),
}[model.optimizer]()
if model.target == "real":
    loss = keras.losses.MeanSquaredError()
elif model.target == "yes_or_no":
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
else:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
net.compile(optimizer, loss, jit_compile=options.compile)
net.make_train_function()

data = batches(model)
x, y = (np.concatenate(part) for part in zip(*data))
source = iter(tf.data.Dataset.from_tensor_slices((x, y)).batch(model.batch).repeat().prefetch(2))
one = tf.constant(x[:1])
infer = tf.function(lambda v: net(v, training=False), jit_compile=options.compile)
report(
    options.seconds, lambda: net.train_function(source)["loss"], lambda: infer(one).numpy()
)
