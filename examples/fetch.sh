#!/bin/sh
# fetch.sh - gets the data sets of the examples from their publishers and checks what came
# against known SHA-256 sums: of the file, or, where its publisher packs it anew from time to time,
# of what is in it. They go to $DLC_DATA, or ./data when that is not set.
set -eu

usage="usage: fetch.sh cifar10|mnist|fashion_mnist|imdb|tinyshakespeare|fsdd|movielens|all ..."
into=${DLC_DATA:-data}

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

sums() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

sum() {
    sums "$1" | cut -d ' ' -f 1
}

# get URL FILE
get() {
    echo "fetching $1"
    mkdir -p "$(dirname "$2")"
    if command -v curl >/dev/null; then
        curl --fail --location --retry 3 --output "$2.part" "$1"
    elif command -v wget >/dev/null; then
        wget -O "$2.part" "$1"
    else
        fail "neither curl nor wget is installed"
    fi || fail "$1 could not be fetched; try again later"
}

# download URL FILE SHA256: nothing is done when the file is already there and right.
download() {
    if [ -f "$2" ] && [ "$(sum "$2")" = "$3" ]; then return; fi
    get "$1" "$2"
    if [ "$(sum "$2.part")" != "$3" ]; then
        rm -f "$2.part"
        fail "$1 is not the file that was expected (its SHA-256 differs); it was removed"
    fi
    mv "$2.part" "$2"
}

cifar10() {
    download https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz "$into/cifar-10-binary.tar.gz" \
        c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
    tar -xzf "$into/cifar-10-binary.tar.gz" -C "$into"
}

imdb() {
    download https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz "$into/aclImdb_v1.tar.gz" \
        c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe
    tar -xzf "$into/aclImdb_v1.tar.gz" -C "$into"
}

tinyshakespeare() {
    download https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt \
        "$into/tinyshakespeare/input.txt" 86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed
}

# same WHAT SUM EXPECTED: the figures of the README are of certain data; others will do, but say so.
same() {
    [ "$2" = "$3" ] || echo "fetch.sh: $1 are not quite those that the example's figures were measured with" >&2
}

# GitHub packs an archive when it is asked for, and so its bytes differ; the recordings do not.
fsdd() {
    [ ! -s "$into/fsdd/recordings/9_yweweler_49.wav" ] || return 0
    get https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz "$into/fsdd.tar.gz"
    mkdir -p "$into/fsdd"
    tar -xzf "$into/fsdd.tar.gz.part" -C "$into/fsdd" --strip-components 1 || fail "the archive of fsdd is damaged"
    rm -f "$into/fsdd.tar.gz.part"
    n=$(find "$into/fsdd/recordings" -name '*.wav' | wc -l)
    [ "$n" -ge 3000 ] || fail "$into/fsdd/recordings has $n recordings, and should have 3,000"
    (cd "$into/fsdd/recordings" && sums -- *.wav | LC_ALL=C sort -k 2) >"$into/fsdd.sums"
    same "the recordings" "$(sum "$into/fsdd.sums")" 1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959
    rm -f "$into/fsdd.sums"
}

unpack_zip() {
    if command -v unzip >/dev/null; then unzip -o -q "$1" -d "$2"
    elif command -v bsdtar >/dev/null; then bsdtar -xf "$1" -C "$2"
    else fail "neither unzip nor bsdtar (package libarchive-tools) is installed"
    fi || fail "$1 is damaged; try again"
}

# The publisher may change this set; the sums are of its tables without their first lines and
# carriage returns.
movielens() {
    [ ! -s "$into/movielens/ml-latest-small-movies.csv" ] || return 0
    get https://files.grouplens.org/datasets/movielens/ml-latest-small.zip "$into/ml-latest-small.zip"
    unpack_zip "$into/ml-latest-small.zip.part" "$into"
    rm -f "$into/ml-latest-small.zip.part"
    mkdir -p "$into/movielens"
    for table in ratings movies; do
        [ -s "$into/ml-latest-small/$table.csv" ] || fail "ml-latest-small.zip has no $table.csv"
        mv "$into/ml-latest-small/$table.csv" "$into/movielens/ml-latest-small-$table.csv"
        tail -n +2 "$into/movielens/ml-latest-small-$table.csv" | tr -d '\r' >"$into/movielens/$table.body"
    done
    same "the ratings" "$(sum "$into/movielens/ratings.body")" \
        dba9015483eb8ef2dafcb49511e6ae8ab42eb450901dbc870d2d22546f016ad8
    same "the films" "$(sum "$into/movielens/movies.body")" \
        2c9d9dd7219f470e8d85d62b3d19a23edb0c43c4008b7a8c327a05dd9a5abd41
    rm -f "$into/movielens/ratings.body" "$into/movielens/movies.body"
}

# idx URL FOLDER and the sums of the four files
idx() {
    url=$1 folder=$2
    for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
        download "$url/$file-ubyte.gz" "$folder/$file-ubyte.gz" "$3"
        shift
    done
}

mnist() {
    idx https://storage.googleapis.com/cvdf-datasets/mnist "$into/mnist" \
        440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 \
        3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c \
        8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 \
        f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
}

fashion_mnist() {
    idx http://fashion-mnist.s3-website.eu-central-1.amazonaws.com "$into/fashion-mnist" \
        3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84 \
        a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845 \
        346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073 \
        67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
}

[ $# -gt 0 ] || fail "$usage"
mkdir -p "$into"
for name in "$@"; do
    case $name in
        cifar10 | mnist | fashion_mnist | imdb | tinyshakespeare | fsdd | movielens) $name ;;
        all) cifar10; mnist; fashion_mnist; imdb; tinyshakespeare; fsdd; movielens ;;
        *) fail "there is no data set '$name'; $usage" ;;
    esac
done
echo "The data are in $into. Say so to dlc: export DLC_DATA=$(cd "$into" && pwd)"
