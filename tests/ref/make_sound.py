#!/usr/bin/env python3
"""make_sound.py - reference numbers of log-mel frames (runtime/trainer/sound.c), by numpy in
float64; the htk ones are held against Keras's MelSpectrogram here, the slaney ones against
librosa. Writes sound.ref:

    case MEL RATE WINDOW HOP FRAMES BANDS LOW HIGH
    a line of BANDS decibels for each frame

The signal is a function of the sample's number, which tests/unit/test_sound.c has too."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import librosa
import numpy as np


def signal(n, rate):
    t = np.arange(n) / rate
    return 0.5 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * (1000 + 4000 * t) * t)


def htk(f):
    return 1127 * np.log(1 + f / 700)


def slaney(f):
    return np.where(f < 1000, f * 3 / 200, 15 + np.log(np.maximum(f, 1) / 1000) / (np.log(6.4) / 27))


def slaney_back(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def weights(mel, rate, window, bands, low, high):
    """[bands, window / 2 + 1]"""
    f = np.arange(window // 2 + 1) * rate / window
    scale = htk if mel == "htk" else slaney
    edges = np.linspace(scale(np.float64(low)), scale(np.float64(high)), bands + 2)
    if mel == "slaney":
        edges = slaney_back(edges)
    at = htk(f) if mel == "htk" else f
    left, top, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    w = np.maximum(0, np.minimum((at - left) / (top - left), (right - at) / (right - top)))
    if mel == "slaney":
        w = w * 2 / (right - left)
    w[:, 0] = 0
    return w


def frames(x, mel, rate, window, hop, count, bands, low, high):
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = [np.abs(np.fft.rfft(x[t * hop : t * hop + window] * hann)) ** 2 for t in range(count)]
    level = 10 * np.log10(np.maximum(np.array(power) @ weights(mel, rate, window, bands, low, high).T, 1e-10))
    return np.maximum(level, level.max() - 80)


def held_against_keras(x, out, rate, window, hop, count, bands, low, high):
    """Keras's frames are centred: its frame t begins half a window before t * hop."""
    layer = keras.layers.MelSpectrogram(
        fft_length=window, sequence_stride=hop, sampling_rate=rate, num_mel_bins=bands, min_freq=low, max_freq=high
    )
    theirs = np.array(layer(x[None].astype("float32")))[0].T
    first = window // 2 // hop
    worst = np.abs(theirs[first : first + count] - out).max()
    assert worst < 0.02, worst
    print("at most %.4f dB from Keras %s" % (worst, keras.__version__))


def held_against_librosa(x, out, rate, window, hop, count, bands, low, high):
    mel = librosa.feature.melspectrogram(
        y=x, sr=rate, n_fft=window, hop_length=hop, center=False, n_mels=bands, fmin=low, fmax=high
    )
    worst = np.abs(librosa.power_to_db(mel, ref=1.0).T - out).max()
    assert worst < 0.02, worst
    print("at most %.4f dB from librosa %s" % (worst, librosa.__version__))


with open(os.path.join(os.path.dirname(__file__), "sound.ref"), "w") as f:
    f.write("# Made by make_sound.py, which has the format.\n")
    for case in [("htk", 8000, 256, 128, 4, 40, 20, 4000), ("slaney", 16000, 512, 128, 3, 32, 0, 8000), ("htk", 8000, 200, 100, 3, 12, 300, 3400)]:
        mel, rate, window, hop, count, bands, low, high = case
        x = signal((count - 1) * hop + window, rate)
        out = frames(x, *case)
        held = held_against_keras if mel == "htk" else held_against_librosa
        held(x, out, *case[1:])
        f.write("case " + " ".join(str(v) for v in case) + "\n")
        for row in out:
            f.write(" ".join("%.4f" % v for v in row) + "\n")
