#!/usr/bin/env python3
"""import_weights.py - weights of Keras or PyTorch as a safetensors file with a model's own paths.

    import_weights.py WEIGHTS MODEL.dl -o OUT.safetensors [--table FILE] [--dlc DLC] [--partial]
    import_weights.py WEIGHTS MODEL.dl --list

WEIGHTS is a Keras file (.keras, .weights.h5: needs h5py), a PyTorch state_dict (.pt, .pth: needs
torch), a .safetensors or a .npz with the names of either. Needs numpy. From Python:
import_weights.convert(a Keras model, a PyTorch module, or a dict of arrays, "model.dl", "out").

What is read are modules: groups of tensors that belong to one layer, each with one or several
readings, dicts from our last names (w, b, k, u, table, gamma, ...) to arrays in our layout. A
module of the model, such as `block.0.query` with w and b, takes the module of the same path, or
else the first one not yet taken with a reading of its names and shapes. A table decides where
that is wrong; docs/import.md has its form. Every tensor is accounted for, or it is an error.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class ImportFailure(Exception):
    """What is said to the user, without a traceback."""


# ---- safetensors ----------------------------------------------------------------------------

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1",
    "BOOL": "|b1"}


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else -1
    if size < 2 or size > len(data) - 8:
        raise ImportFailure("%s is no safetensors file" % path)
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + k for k in entry["data_offsets"])
        if entry["dtype"] == "BF16":
            bits = np.frombuffer(data[begin:end], "<u2").astype("<u4") << 16
            array = bits.view("<f4")
        elif entry["dtype"] in TYPES:
            array = np.frombuffer(data[begin:end], TYPES[entry["dtype"]])
        else:
            raise ImportFailure("%s: %s has type %s" % (path, name, entry["dtype"]))
        tensors[name] = array.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, a in tensors.items():
        end = at + 4 * a.size
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values():
            f.write(np.ascontiguousarray(a, "<f4").tobytes())


# ---- readings of modules ----------------------------------------------------------------------


def split_bias(reading, name, bias):
    if bias is not None:
        reading[name] = bias
    return reading


def by_names(t):
    """Readings of a Keras layer's variables by their names."""
    bias = t.get("bias")
    if "recurrent_kernel" in t:
        return [split_bias({"w": t["kernel"], "u": t["recurrent_kernel"]}, "b", bias)]
    if "kernel" in t:
        return [split_bias({name: t["kernel"]}, "b", bias) for name in ("w", "k")]
    if "embeddings" in t:
        return [{"table": t["embeddings"]}]
    return [t]


def by_order(v, cell):
    """Readings of a Keras layer's variables, which a .weights.h5 file only numbers."""
    ranks = tuple(a.ndim for a in v)
    if cell or (len(v) >= 2 and ranks[0] == ranks[1] == 2):
        return [dict(zip("wub", v))]
    if ranks and all(r == 1 for r in ranks):
        full = ["gamma", "beta", "moving_mean", "moving_variance"]
        names = {1: [["gamma"], ["beta"]], 2: [full[:2], full[2:]], 4: [full],
            3: [["gamma"] + full[2:], ["beta"] + full[2:]]}
        return [dict(zip(n, v)) for n in names.get(len(v), [])]
    if len(v) == 1 and ranks[0] == 2:
        return [{"w": v[0]}, {"table": v[0]}]
    if len(v) in (1, 2) and ranks[0] >= 2:
        return [dict(zip(names, v)) for names in (("w", "b"), ("k", "b"))]
    return [{str(k): a for k, a in enumerate(v)}]


def gates(a, units, order):
    """Rows of gates in another order, one below the other as in PyTorch."""
    return np.concatenate([a[k * units : (k + 1) * units] for k in order])


def recurrent(w, u, bias_w, bias_u):
    """PyTorch's cell: LSTM i, f, g, o with the sum of two biases; GRU r, z, n as z, r, h."""
    units = u.shape[1]
    ngates = u.shape[0] // units
    order = [1, 0, 2] if ngates == 3 else range(ngates)
    w, u = gates(w, units, order).T, gates(u, units, order).T
    if bias_w is None:
        return [{"w": w, "u": u}]
    bias_w, bias_u = gates(bias_w, units, order), gates(bias_u, units, order)
    b = np.stack([bias_w, bias_u]) if ngates == 3 else bias_w + bias_u
    return [{"w": w, "u": u, "b": b}]


def torch_weight(weight, bias):
    if weight.ndim == 1:
        return [split_bias({"gamma": weight}, "beta", bias)]
    if weight.ndim == 2:
        readings = [split_bias({"w": weight.T}, "b", bias)]
        return readings if bias is not None else readings + [{"table": weight}]
    spatial = list(range(2, weight.ndim))
    return [split_bias({"k": weight.transpose(spatial + [1, 0])}, "b", bias)]


# ---- modules of a source ------------------------------------------------------------------------


def natural(path):
    """Sorts dense_10 behind dense_2, and parts of one layer as they are used."""
    rank = {"query": 0, "query_dense": 0, "key": 1, "key_dense": 1, "value": 2, "value_dense": 2,
        "forward_layer": 0, "backward_layer": 1}
    def pieces(part):
        return tuple(int(s) if s.isdigit() else s for s in re.split(r"(\d+)", part))

    return [(rank.get(part, 5),) + pieces(part) for part in path.split("/")]


def keras_modules(groups):
    """From (path, names or None, arrays) in order."""
    modules = {}
    for path, names, arrays in groups:
        t = dict(zip(names, arrays)) if names else {}
        separable = "depthwise_kernel" in t and "pointwise_kernel" in t
        ranks, cell = [a.ndim for a in arrays], path.endswith("cell")
        if separable or (not names and not cell and len(ranks) >= 2 and ranks[0] == ranks[1] >= 3):
            modules[path + ".depthwise"] = [{"k": arrays[0]}]
            modules[path + ".pointwise"] = [dict(zip("kb", arrays[1:]))]
        elif "depthwise_kernel" in t:
            modules[path] = [split_bias({"k": t["depthwise_kernel"]}, "b", t.get("bias"))]
        else:
            modules[path] = by_names(t) if names else by_order(arrays, cell)
    return modules


def keras_h5(file):
    import h5py

    groups = {}

    def visit(name, item):
        of_layer = "/vars/" in "/" + name and not name.startswith("optimizer")
        if isinstance(item, h5py.Dataset) and of_layer:
            path, _, number = name.rpartition("/vars/")
            a = np.array(item)
            if a.dtype.kind == "f":
                groups.setdefault(path, {})[int(number)] = a

    with h5py.File(file, "r") as h:
        h.visititems(visit)
    if not groups:
        raise ImportFailure(
            "this file holds no layers of Keras 3 (the format is .keras or .weights.h5)")
    def row(p):
        own = [groups[p][k] for k in sorted(groups[p])]
        return p.removeprefix("layers/").replace("/", "."), None, own

    return keras_modules([row(p) for p in sorted(groups, key=natural)])


def keras_live(model):
    groups = {}
    for v in model.variables:
        path, _, name = v.path.rpartition("/")
        if name != "seed_generator_state":
            groups.setdefault(path, {})[name] = np.array(v)
    return keras_modules(
        [(p.replace("/", "."), list(t), list(t.values())) for p, t in groups.items()])


CELL = re.compile(r"^weight_ih(_l\d+)?(_reverse)?$")


def torch_group(path, t, modules):
    """The modules of one prefix of a state_dict."""
    def dot(name):
        return path + "." + name if path else name

    for name in [n for n in t if CELL.match(n)]:
        suffix = name[len("weight_ih") :]
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        part = [t.pop(n + suffix, None) for n in names]
        if "weight_hr" + suffix in t:
            raise ImportFailure(
                "%s: an LSTM with a projection (proj_size) has no counterpart" % path)
        modules[dot(suffix.strip("_")) if suffix else path] = recurrent(*part)
    parts = ("query", "key", "value")
    joined, bias = t.pop("in_proj_weight", None), t.pop("in_proj_bias", None)
    for k, part in enumerate(parts):
        if joined is None:
            weight = t.pop(part[0] + "_proj_weight", None)
        else:
            n = joined.shape[0] // 3
            weight = joined[k * n : (k + 1) * n]
        if weight is not None:
            size = weight.shape[0]
            own = None if bias is None else bias[k * size : (k + 1) * size]
            modules[dot(part)] = torch_weight(weight, own)
    if "running_mean" in t:
        reading = {"gamma": t.pop("weight", None), "beta": t.pop("bias", None),
            "moving_mean": t.pop("running_mean"), "moving_variance": t.pop("running_var")}
        modules[path] = [{k: a for k, a in reading.items() if a is not None}]
    elif "weight" in t:
        modules[path] = torch_weight(t.pop("weight"), t.pop("bias", None))
    for name, a in t.items():
        modules[dot(name)] = [{"table": a}, {name: a}]


def torch_modules(tensors):
    groups, modules = {}, {}
    for full, a in tensors.items():
        path, _, name = full.rpartition(".")
        if name != "num_batches_tracked":
            groups.setdefault(path, {})[name] = a
    for path, t in groups.items():
        torch_group(path, dict(t), modules)
    return modules


def named_modules(tensors):
    """Of a dict of arrays: Keras's names have slashes or its last names, PyTorch's `weight`."""
    tensors = {n: np.asarray(a) for n, a in tensors.items()}
    tensors = {n: a for n, a in tensors.items() if a.dtype.kind == "f"}
    keras = any("/" in n or re.search(r"(^|[./])(kernel|embeddings)$", n) for n in tensors)
    if not keras:
        return torch_modules(tensors)
    groups = {}
    for full, a in tensors.items():
        path, name = re.match(r"^(?:(.*)[./])?([^./]+)$", full).groups()
        groups.setdefault((path or "").replace("/", "."), {})[name] = a
    return keras_modules([(p, list(t), list(t.values())) for p, t in groups.items()])


def read_torch(path):
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state.get(key) if isinstance(state, dict) else None, dict):
            state = state[key]
    return {n: v.detach().float().numpy() for n, v in state.items() if hasattr(v, "detach")}


def read_source(source):
    """The modules of a file, of a live model, or of a dict of arrays."""
    if isinstance(source, dict):
        return named_modules(source)
    if hasattr(source, "state_dict"):
        state = source.state_dict()
        return torch_modules({n: v.detach().cpu().float().numpy() for n, v in state.items()})
    if hasattr(source, "variables"):
        return keras_live(source)
    if not os.path.exists(source):
        raise ImportFailure("there is no file %s" % source)
    if source.endswith(".keras"):
        with zipfile.ZipFile(source) as z, z.open("model.weights.h5") as f:
            return keras_h5(f)
    if source.endswith(".h5"):
        return keras_h5(source)
    if source.endswith((".pt", ".pth", ".bin")):
        return torch_modules(read_torch(source))
    if source.endswith(".safetensors"):
        return named_modules(read_safetensors(source))
    if source.endswith(".npz"):
        return named_modules(dict(np.load(source)))
    raise ImportFailure(
        "%s: a .keras, .weights.h5, .pt, .pth, .safetensors or .npz is expected" % source)


# ---- what the model wants ----------------------------------------------------------------------


def find_dlc(given):
    built = os.path.join(HERE, "..", "build", "dlc")
    for dlc in [given, os.environ.get("DLC"), built, shutil.which("dlc")]:
        if dlc and os.path.exists(dlc):
            return dlc
    raise ImportFailure("no compiler: run make, or say where it is by --dlc")


def wanted_tensors(model, dlc):
    """Path -> shape, by `dlc show --paths`, or by a file of weights that the model has written."""
    if model.endswith(".safetensors"):
        return {n: a.shape for n, a in read_safetensors(model).items()}
    run = subprocess.run([find_dlc(dlc), "show", "--paths", model], capture_output=True, text=True)
    if run.returncode:
        raise ImportFailure(run.stderr.rstrip())
    wanted = {}
    for line in run.stdout.splitlines():
        path, shape = re.match(r"^\S+ (\S+) \w+\[(.*)\]$", line).groups()
        wanted[path] = tuple(int(d) for d in shape.split(", ") if d)
    return wanted


def modules_of(wanted):
    modules = {}
    for path, shape in wanted.items():
        prefix, _, name = path.rpartition(".")
        modules.setdefault(prefix, {})[name] = shape
    return modules


# ---- matching ------------------------------------------------------------------------------------


def fitted(a, shape):
    """a in that shape, where both are the same numbers in the same order; or None.

    Projections of attention are matrices in PyTorch, and have an axis for the heads here; the
    kernel of a depthwise convolution has one for the multiplier.
    """
    if a.shape == tuple(shape):
        return a
    if a.size != int(np.prod(shape)):
        return None
    shape = tuple(shape)
    heads = a.ndim == 2 and len(shape) == 3 and (a.shape[0] == shape[0] or a.shape[1] == shape[2])
    biases = a.ndim == 1 and len(shape) == 2
    depthwise = a.ndim == len(shape) >= 3 and a.shape[-2] == 1 and a.shape[:-2] == shape[:-2]
    return a.reshape(shape) if heads or biases or depthwise else None


def take(readings, names):
    """The arrays for these names and shapes by one of the readings, or None."""
    for reading in readings:
        if set(reading) != set(names):
            continue
        arrays = {n: fitted(reading[n], shape) for n, shape in names.items()}
        if all(a is not None for a in arrays.values()):
            return arrays
    return None


def candidates(path, modules):
    """Unused modules, that of the same name first."""
    same = [p for p in modules if p == path]
    return same + [p for p in modules if p != path]


def shapes_text(names):
    return ", ".join("%s %s" % (n, list(getattr(s, "shape", s))) for n, s in names.items())


def no_counterpart(path, names, modules):
    near = [p for p, readings in modules.items() if any(set(r) == set(names) for r in readings)]
    text = "nothing fits `%s` (%s)" % (path, shapes_text(names))
    if near:
        text += "; not yet used, with the same names:\n" + "\n".join(
            "    %s (%s)" % (p, shapes_text(next(r for r in modules[p] if set(r) == set(names))))
            for p in near[:8])
    return text + "\nA table can say what belongs where: docs/import.md."


def channels_first(a, sizes):
    """Rows of the dense layer behind a flatten, from channels, height, width to channels last."""
    if int(np.prod(sizes)) != a.shape[0]:
        raise ImportFailure("channels_first%s: there are %d rows" % (tuple(sizes), a.shape[0]))
    n = len(sizes)
    order = list(range(1, n)) + [0, n]
    return a.reshape(tuple(sizes) + a.shape[1:]).transpose(order).reshape(a.shape)


def columns(a, sizes):
    if len(sizes) != 2 or not 0 <= sizes[0] < sizes[1] <= a.shape[-1]:
        raise ImportFailure("columns%s: there are %d columns" % (tuple(sizes), a.shape[-1]))
    return a[..., sizes[0] : sizes[1]]


# What a table may do to a module's tensors: which of them, and how.
CHANGES = {"channels_first": (("w",), channels_first), "columns": (("w", "b"), columns)}
ENTRY = re.compile(r"^(\S+)\s*=\s*(\S+)((?:\s+\w+\([\d,\s]+\))*)$")


def read_table(path):
    """(ours, theirs, changes) of each line; a change is (name, sizes)."""
    table = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            entry = ENTRY.match(line)
            changes = re.findall(r"(\w+)\(([^)]*)\)", entry.group(3)) if entry else []
            if not entry or any(name not in CHANGES for name, _ in changes):
                raise ImportFailure("%s:%d: `OURS = THEIRS` is expected, and behind it perhaps "
                    "channels_first(C, H, W) or columns(FROM, TO)" % (path, number))
            sizes = [(name, [int(n) for n in text.split(",")]) for name, text in changes]
            table.append((entry.group(1), entry.group(2), sizes))
    return table


def changed(readings, changes):
    for name, sizes in changes:
        which, function = CHANGES[name]
        readings = [
            {n: function(a, sizes) if n in which else a for n, a in r.items()} for r in readings]
    return readings


def fixed_modules(table, targets, modules):
    """Our path -> readings, as the table has it; what it uses is taken from the modules."""
    fixed = {}
    for ours, theirs, changes in table:
        if ours != "-" and ours not in targets:
            raise ImportFailure(
                "the table names `%s`, which is no layer of the model; there are: %s"
                % (ours, ", ".join(targets)))
        if theirs not in modules:
            raise ImportFailure("the table names `%s`, which is not in the weights; there are: %s"
                % (theirs, ", ".join(modules)))
        fixed[ours] = changed(modules[theirs], changes)
    for _, theirs, _ in table:
        modules.pop(theirs, None)
    return fixed


def match(wanted, modules, table, partial):
    """Path -> array for all that the model wants."""
    modules, out, targets = dict(modules), {}, modules_of(wanted)
    fixed = fixed_modules(table, targets, modules)
    for path, names in targets.items():
        if path in fixed:
            arrays = take(fixed[path], names)
            if arrays is None:
                raise ImportFailure("`%s` is (%s); what the table gives it is (%s)"
                    % (path, shapes_text(names), shapes_text(fixed[path][0])))
        else:
            found = next((p for p in candidates(path, modules) if take(modules[p], names)), None)
            if found is None and partial:
                continue
            if found is None:
                raise ImportFailure(no_counterpart(path, names, modules))
            arrays = take(modules.pop(found), names)
        out.update({(path + "." if path else "") + n: a for n, a in arrays.items()})
    if modules and not partial:
        raise ImportFailure("the model has no place for:\n" + "\n".join(
            "    %s (%s)" % (p, shapes_text(r[0])) for p, r in modules.items()))
    return {path: out[path] for path in wanted if path in out}


def convert(source, model, output, table=None, dlc=None, partial=False):
    """Writes the file; returns its arrays by path. `table`: a file, or a list as read_table's."""
    table = read_table(table) if isinstance(table, str) else table or []
    arrays = match(wanted_tensors(model, dlc), read_source(source), table, partial)
    write_safetensors(output, arrays)
    return arrays


def print_list(args):
    print("in %s:" % args.weights)
    for path, readings in read_source(args.weights).items():
        print("    %s (%s)" % (path, shapes_text(readings[0])))
    print("in %s:" % args.model)
    for path, names in modules_of(wanted_tensors(args.model, args.dlc)).items():
        print("    %s (%s)" % (path, shapes_text(names)))


def main():
    parser = argparse.ArgumentParser(description="Keras's or PyTorch's weights for a model of dlc.")
    parser.add_argument("weights", help=".keras, .weights.h5, .pt, .pth, .safetensors, .npz")
    parser.add_argument("model", help="the model's .dl, or a .safetensors that it has written")
    parser.add_argument("-o", "--output", help="the .safetensors to write")
    parser.add_argument("--table", help="a file that says what belongs where")
    parser.add_argument("--dlc", help="the compiler (default: $DLC, build/dlc, or of the PATH)")
    parser.add_argument("--partial", action="store_true", help="leave out what has no counterpart")
    parser.add_argument("--list", action="store_true", help="print what there is, convert nothing")
    args = parser.parse_args()
    try:
        if args.list:
            print_list(args)
            return 0
        if not args.output:
            parser.error("-o says where the weights go")
        arrays = convert(args.weights, args.model, args.output, args.table, args.dlc, args.partial)
        numbers = sum(a.size for a in arrays.values())
        print("%s: %d tensors, %d numbers" % (args.output, len(arrays), numbers))
        return 0
    except ImportFailure as failure:
        print("import_weights.py: %s" % failure, file=sys.stderr)
    except ImportError as failure:
        print("import_weights.py: %s is needed to read this file" % failure.name, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
