#!/usr/bin/env python3
"""make_more_metrics.py - reference numbers of the metrics that make_metrics.py has not; the tests
evaluate each over all rows at once and two rows at a time. See reference.py."""

from reference import RNG, normal, save, typed, write  # first: it sets what Keras reads
import keras
import numpy as np

M = keras.metrics


def simplex(*shape):
    e = np.exp(normal(*shape))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_cosh(t, x):
    """Keras's takes log(2) in single precision."""
    return np.mean(np.log(np.cosh(x - t)), -1)


def case(name, call, x, targets, value):
    """targets: name -> (type, array)."""
    lines = [typed("input", "x", "f32", x)] + [typed("target", k, t, v) for k, (t, v) in targets.items()]
    lines += ["    output y = x * 1", "    metric result = " + call]
    tensors = [("input", "x", x)] + [("target", k, v) for k, (_, v) in targets.items()]
    write(name, "\n".join(["model m {"] + lines + ["}"]), tensors + [("metric", "result", np.asarray(value, float))])


def by_keras(name, call, x, t, kind, metric, w=None, seen=None, truth=None):
    """The metric in Keras over batches of three rows; seen, truth: what it is given for x and t."""
    seen, truth = x if seen is None else seen, t if truth is None else truth
    for k in range(0, len(x), 3):
        metric.update_state(truth[k:k + 3], seen[k:k + 3], None if w is None else w[k:k + 3])
    targets = {"t": (kind, t)}
    if w is not None:
        targets["w"] = ("f32", w)
        call = call[:-1] + ", weight: w)"
    case(name, call, x, targets, metric.result())


def both(name, call, x, t, kind, metric, **k):
    """Without and with weights."""
    by_keras(name, call, x, t, kind, metric(), **k)
    by_keras(name + "_weighted", call, x, t, kind, metric(), w=RNG.random(len(x)), **k)


def accuracies():
    label = RNG.integers(0, 4, 8).astype(float)
    scores, hot = normal(8, 4), np.eye(4)[label.astype(int)]
    both("accuracy", "accuracy(x, t)", scores, label, "i32", M.SparseCategoricalAccuracy)
    both("categorical_accuracy", "categorical_accuracy(x, t)", scores, hot, "f32", M.CategoricalAccuracy)
    for k in (1, 2, 5):
        both("top_%d" % k, "top_k_accuracy(x, t, %d)" % k, scores, label, "i32",
            lambda: M.SparseTopKCategoricalAccuracy(k=k), seen=scores.astype(np.float32))
    both("top_categorical", "top_k_categorical_accuracy(x, t, k: 3)", scores, hot, "f32", lambda: M.TopKCategoricalAccuracy(k=3),
        seen=scores.astype(np.float32))
    bits = RNG.integers(0, 2, (7, 3)).astype(float)
    both("binary_accuracy", "binary_accuracy(x, t)", normal(7, 3), bits, "u8", lambda: M.BinaryAccuracy(threshold=0.0))


def means():
    above = lambda *s: 0.1 + RNG.random(s)
    table = [
        ("mean_absolute_error", M.MeanAbsoluteError, normal), ("mae", M.MeanAbsoluteError, normal),
        ("mse", M.MeanSquaredError, normal), ("rmse", M.RootMeanSquaredError, normal),
        ("mape", M.MeanAbsolutePercentageError, normal), ("msle", M.MeanSquaredLogarithmicError, above),
        ("log_cosh", lambda: M.MeanMetricWrapper(log_cosh), normal), ("poisson", M.Poisson, above),
        ("cosine_similarity", M.CosineSimilarity, normal), ("kl_divergence", M.KLDivergence, simplex),
        ("pearson_correlation", M.PearsonCorrelation, normal),
        ("concordance_correlation", M.ConcordanceCorrelation, normal),
        ("r2_score", M.R2Score, normal),
    ]
    for name, metric, draw in table:
        both(name, name + "(x, t)", draw(7, 4), draw(7, 4), "f32", metric)
        both(name + "_3d", name + "(x, t)", draw(3, 2, 4), draw(3, 2, 4), "f32", metric) if name in (
            "cosine_similarity", "kl_divergence", "log_cosh") else None
    both("huber", "huber(x, t, delta: 0.3)", normal(5, 2), normal(5, 2), "f32",
        lambda: M.MeanMetricWrapper(keras.losses.huber, delta=0.3))
    bits = RNG.integers(0, 2, (7, 2)).astype(float)
    for name, metric in [("hinge", M.Hinge), ("squared_hinge", M.SquaredHinge)]:
        both(name, name + "(x, t)", normal(7, 2), 2 * bits - 1, "f32", metric)
    label = RNG.integers(0, 3, 7).astype(float)
    hot = np.eye(3)[label.astype(int)]
    both("categorical_hinge", "categorical_hinge(x, t)", normal(7, 3), hot, "f32", M.CategoricalHinge)
    both("binary_crossentropy", "binary_crossentropy(x, t, label_smoothing: 0.1)", RNG.random((7, 2)), bits, "i32",
        lambda: M.BinaryCrossentropy(label_smoothing=0.1))
    both("binary_cross_entropy", "binary_cross_entropy(x, t)", normal(7, 2), bits, "i32", lambda: M.BinaryCrossentropy(from_logits=True))
    both("categorical_crossentropy", "categorical_crossentropy(x, t)", simplex(7, 3), hot, "f32", M.CategoricalCrossentropy)
    both("sparse_categorical_crossentropy", "sparse_categorical_crossentropy(x, t)", simplex(7, 3), label, "i32", M.SparseCategoricalCrossentropy)
    both("cross_entropy", "cross_entropy(x, t)", normal(7, 3), label, "i32", lambda: M.SparseCategoricalCrossentropy(from_logits=True))
    x = normal(5, 3)
    logits = x - np.log(np.exp(x).sum(1, keepdims=True))
    nll, w = -logits[np.arange(5), label[:5].astype(int)], RNG.random(5)
    case("perplexity", "perplexity(x, t, weight: w)", x, {"t": ("i32", label[:5]), "w": ("f32", w)}, np.exp((w * nll).sum() / w.sum()))
    case("mean", "mean(x, weight: w)", x, {"w": ("f32", w)}, (w[:, None] * x).sum() / (3 * w.sum()))
    case("sum", "sum(x)", x, {}, x.sum())
    case("mean_of_weights_for_elements", "mean(x, weight: w)", x, {"w": ("f32", x**2)}, (x**3).sum() / (x**2).sum())


def correlations():
    a, b, w = normal(9, 2), normal(9, 2), RNG.random(9)
    r = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(2)]
    case("pearson_down", "pearson_correlation(x, t, axis: 0)", a, {"t": ("f32", b)}, np.mean(r))
    case("pearson_column", "pearson_correlation(x, t)", a[:, :1], {"t": ("f32", b[:, 0])}, r[0])
    cov = np.cov(a[:, 0], b[:, 0], aweights=w, ddof=0)
    case("pearson_weights", "pearson_correlation(x, t, weight: w)", a[:, :1], {"t": ("f32", b[:, 0]), "w": ("f32", w)},
        cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))
    apart = (np.average(a[:, 0], weights=w) - np.average(b[:, 0], weights=w)) ** 2
    case("concordance_weights", "concordance_correlation(x, t, weight: w)", a[:, :1],
        {"t": ("f32", b[:, 0]), "w": ("f32", w)}, 2 * cov[0, 1] / (cov[0, 0] + cov[1, 1] + apart + 1e-7))
    t, x = normal(9, 3), normal(9, 3) * 0.2
    x += t
    for way in ("variance_weighted_average", "none"):
        both("r2_" + way, "r2_score(x, t, class_aggregation: %s)" % way, x, t, "f32",
            lambda: M.R2Score(class_aggregation=None if way == "none" else way))
    by_keras("r2_adjusted", "r2_score(x, t, num_regressors: 2)", x, t, "f32", M.R2Score(num_regressors=2))
    by_keras("r2_column", "r2_score(x, t)", x[:, :1], t[:, 0], "f32", M.R2Score(), truth=t[:, :1])


def cells():
    p, bits = RNG.random((11, 1)), RNG.integers(0, 2, 11).astype(float)
    for name, metric in [("true_positives", M.TruePositives), ("true_negatives", M.TrueNegatives), ("precision", M.Precision),
            ("false_positives", M.FalsePositives), ("false_negatives", M.FalseNegatives), ("recall", M.Recall)]:
        both(name, name + "(x, t, threshold: 0.5)", p, bits, "i32", metric, truth=bits[:, None])
        both(name + "_list", name + "(x, t, threshold: [0.2, 0.55, 0.7])", p, bits, "i32",
            lambda: metric(thresholds=[0.2, 0.55, 0.7]), truth=bits[:, None])
    label = RNG.integers(0, 3, 10).astype(float)
    hot, scores = np.eye(3)[label.astype(int)], simplex(10, 3)
    for average in ("none", "micro", "macro", "weighted"):
        given = None if average == "none" else average
        both("f1_" + average, "f1_score(x, t, average: %s)" % average, scores, label, "i32", lambda: M.F1Score(average=given), truth=hot)
        both("fbeta_" + average, "fbeta_score(x, t, average: %s, beta: 2, threshold: 0.4)" % average, scores,
            RNG.integers(0, 2, (10, 3)).astype(float), "f32", lambda: M.FBetaScore(average=given, beta=2.0, threshold=0.4))


def thresholds():
    x, bits = 2 * normal(15, 1), RNG.integers(0, 2, 15).astype(float)
    x[bits == 1] += 1
    p, truth = sigmoid(x), bits[:, None]
    for curve in ("roc", "pr"):
        for way in ("interpolation", "minoring", "majoring"):
            call = "auc(x, t, num_thresholds: 50, curve: %s, summation_method: %s)" % (curve, way)
            both("auc_%s_%s" % (curve, way), call, x, bits, "i32",
                lambda: M.AUC(50, curve=curve.upper(), summation_method=way), seen=p, truth=truth)
    by_keras("auc", "auc(x, t)", x, bits, "i32", M.AUC(), seen=p, truth=truth)
    both("auc_probability", "auc(x, t, num_thresholds: 20, from_logits: false)", p, bits, "i32", lambda: M.AUC(num_thresholds=20), truth=truth)
    edge = np.array([[0.0], [1.0], [0.5], [0.0], [1.0]])
    by_keras("auc_edge", "auc(x, t, num_thresholds: 5, from_logits: false)", edge, np.array([0.0, 1, 1, 1, 0]), "i32",
        M.AUC(num_thresholds=5), truth=np.array([[0.0], [1], [1], [1], [0]]))
    labels = RNG.integers(0, 2, (12, 3)).astype(float)
    for curve in ("roc", "pr"):
        both("auc_labels_" + curve, "auc(x, t, curve: %s, num_thresholds: 30, multi_label: true, from_logits: false)" % curve,
            RNG.random((12, 3)), labels, "i32", lambda: M.AUC(curve=curve.upper(), num_thresholds=30, multi_label=True))
    for name, metric in [("sensitivity_at_specificity", M.SensitivityAtSpecificity), ("precision_at_recall", M.PrecisionAtRecall),
            ("specificity_at_sensitivity", M.SpecificityAtSensitivity), ("recall_at_precision", M.RecallAtPrecision)]:
        for least in (0.3, 0.8):
            both("%s_%g" % (name, least), "%s(x, t, %g, num_thresholds: 60)" % (name, least), x, bits, "i32",
                lambda: metric(least, num_thresholds=60), seen=p, truth=truth)


def overlap(counts, ids):
    """Keras's formula, in float64: its own is in single precision."""
    own, either = np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts)
    each = np.where(either > 1e-9, own / (either + 1e-7), 0)[ids]
    return each.sum() / ((either[ids] > 1e-9).sum() + 1e-7)


def pairs(label, guess, classes, w):
    counts = np.zeros((classes, classes))
    np.add.at(counts, (label.ravel().astype(int), guess.ravel().astype(int)), w)
    return counts


def overlaps():
    label, scores, w = RNG.integers(0, 4, (5, 3)).astype(float), normal(5, 3, 5), RNG.random(5)
    guess, wide = scores.argmax(-1), np.repeat(w, 3)
    plain, weighted = pairs(label, guess, 5, 1), pairs(label, guess, 5, wide)
    t, tw = {"t": ("i32", label)}, {"t": ("i32", label), "w": ("f32", w)}
    theirs = M.MeanIoU(num_classes=5)
    theirs.update_state(label, guess)
    assert abs(float(theirs.result()) - overlap(plain, np.arange(5))) < 1e-6
    case("confusion_matrix", "confusion_matrix(x, t)", scores, t, plain)
    case("confusion_matrix_weighted", "confusion_matrix(x, t, weight: w)", scores, tw, weighted)
    case("confusion_matrix_classes", "confusion_matrix(int(x), t, num_classes: 5)", guess.astype(float), t, plain)
    case("mean_iou", "mean_iou(x, t)", scores, t, overlap(plain, np.arange(5)))
    case("mean_iou_weighted", "mean_iou(x, t, weight: w)", scores, tw, overlap(weighted, np.arange(5)))
    kept = pairs(label[label != 2], guess[label != 2], 5, 1)
    case("mean_iou_ignored", "mean_iou(x, t, ignore_class: 2)", scores, t, overlap(kept, np.arange(5)))
    case("one_hot_mean_iou", "one_hot_mean_iou(x, t)", scores, {"t": ("f32", np.eye(5)[label.astype(int)])}, overlap(plain, np.arange(5)))
    case("iou", "iou(x, t, [0, 3])", scores, t, overlap(plain, np.array([0, 3])))
    p, bits = RNG.random((9, 1)), RNG.integers(0, 2, 9).astype(float)
    cells = pairs(bits, p[:, 0] >= 0.4, 2, 1)
    case("binary_iou", "binary_iou(x, t, threshold: 0.4)", p, {"t": ("i32", bits)}, overlap(cells, np.arange(2)))
    case("binary_iou_one", "binary_iou(x, t, target_class_ids: 1, threshold: 0.4)", p, {"t": ("i32", bits)}, overlap(cells, np.array([1])))


accuracies()
means()
correlations()
cells()
thresholds()
overlaps()
save()
