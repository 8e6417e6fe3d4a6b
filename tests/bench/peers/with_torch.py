"""with_torch.py - the models in PyTorch: eager, or with torch.compile. Images in the channels-last
layout, the fused optimisers where there are such, prediction in inference mode."""

from measure import MODELS, arguments, batches, report

options = arguments()
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(options.threads)
torch.manual_seed(0)


class Sequence(nn.Module):
    """Embedding, a recurrent layer, and a score of its last step."""

    def __init__(self, recurrent, vocabulary, width):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = recurrent(width, width, batch_first=True)
        self.score = nn.Linear(width, 1)

    def forward(self, words):
        return self.score(self.recurrent(self.embedding(words))[0][:, -1])


def normal_conv(inputs, filters, kernel, stride=1):
    conv = nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(filters))


class Residual(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.first = normal_conv(inputs, filters, 3, stride)
        self.second = normal_conv(filters, filters, 3)
        self.around = nn.Identity() if stride == 1 else normal_conv(inputs, filters, 1, stride)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.around(x))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x):
        batch, time, width = x.shape
        parts = self.inputs(x).split(width, 2)
        query, key, value = (
            p.view(batch, time, self.heads, width // self.heads).transpose(1, 2) for p in parts
        )
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        x = x + self.attention(x)
        return x + self.dense(x)


class Transformer(nn.Module):
    def __init__(self, vocabulary=65, width=128, heads=4, depth=4, time=64):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.place = nn.Embedding(time, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        places = torch.arange(tokens.shape[1])
        return self.scores(self.norm(self.blocks(self.token(tokens) + self.place(places))))


def dense_net(*units):
    layers = []
    for inputs, outputs in zip(units, units[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers[:-1]


def convolutions():
    layers, inputs = [], 3
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(inputs, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        inputs = filters
    return layers + [nn.Flatten()] + dense_net(512, 128, 10)


def residual():
    layers, inputs = [normal_conv(3, 16, 3), nn.ReLU()], 16
    for filters in (16, 32, 64):
        for k in range(3):
            layers.append(Residual(inputs, filters, 2 if k == 0 and filters > 16 else 1))
            inputs = filters
    return layers + [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]


def build(name):
    return {
        "linear": lambda: nn.Linear(1, 1),
        "logistic": lambda: nn.Linear(2, 1),
        "mlp": lambda: nn.Sequential(*dense_net(784, 512, 512, 10)),
        "cifar": lambda: nn.Sequential(*convolutions()),
        "rnn_seed": lambda: Sequence(nn.RNN, 2, 16),
        "rnn_imdb": lambda: Sequence(nn.RNN, 20000, 16),
        "lstm": lambda: Sequence(nn.LSTM, 20000, 128),
        "gru": lambda: Sequence(nn.GRU, 20000, 128),
        "resnet20": lambda: nn.Sequential(*residual()),
        "gpt_mini": Transformer,
    }[name]()


model = MODELS[options.model]
net = build(options.model)
image = len(model.shape) == 3
if image:
    net = net.to(memory_format=torch.channels_last)
optimizer = {
    "sgd": lambda p: torch.optim.SGD(p, 0.01),
    "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, 0.001, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, 0.001, fused=True),
}[model.optimizer](net.parameters())
loss_of = {
    "real": F.mse_loss,
    "yes_or_no": F.binary_cross_entropy_with_logits,
    "class": F.cross_entropy,
    "next": lambda s, t: F.cross_entropy(s.flatten(0, 1), t.flatten()),
}[model.target]


def tensors(x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    if image:
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    return x, y.long() if model.target in ("class", "next") else y


data = [tensors(x, y) for x, y in batches(model)]
run = torch.compile(net) if options.compile else net
infer = torch.compile(net) if options.compile else net
one = data[0][0][:1].clone()
done = 0


def step():
    global done
    x, y = data[done % len(data)]
    done += 1
    loss = loss_of(run(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


def predict_one():
    with torch.inference_mode():
        infer(one)


report(options.seconds, step, predict_one)
