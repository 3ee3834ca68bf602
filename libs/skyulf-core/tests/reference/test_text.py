"""Text nodes agree with scikit-learn on real texts: the descriptions of its own datasets, line by line."""

import subprocess
import sys
import tracemalloc

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from skyulf_core import DataError, NodeRegistry, Pipeline
from skyulf_core.bundle import verify
from skyulf_core.nodes.text.vectorizing import VocabularyConfig, learn_vocabulary
from skyulf_core.nodes.text.vectors import read_vectors
from skyulf_core.serving import load_plan

LOADERS = (load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine)
LINES = [line for load in LOADERS for line in load().DESCR.splitlines()]
FRAME = pl.DataFrame({"text": [None if i % 17 == 3 else line for i, line in enumerate(LINES)]})
FILLED = FRAME["text"].fill_null("").to_list()
OTHERS = ["A new SET of data; the mean, the Mean -- and größe_2 naïve", "", "x y z", None]
NEW = pl.DataFrame({"text": OTHERS})
NEW_FILLED = [text or "" for text in OTHERS]


def fitted(node, frame=FRAME, **config):
    entry = NodeRegistry.get(node)
    return entry.applier, entry.calculator.fit(frame, entry.config_model.model_validate(config))


def require_same(node, reference, tolerance, **config):
    """Compare names and numbers, on training rows and on others."""
    applier, params = fitted(node, **config)
    trained, wanted = applier.apply(FRAME, params), reference.fit_transform(FILLED)

    if hasattr(reference, "get_feature_names_out") and not isinstance(reference, HashingVectorizer):
        assert trained.columns == [f"text_{term}" for term in reference.get_feature_names_out()]
    for found, expected in ((trained, wanted), (applier.apply(NEW, params), reference.transform(NEW_FILLED))):
        assert np.abs(found.to_numpy() - expected.toarray()).max() <= tolerance


COUNTS = [
    {},
    {"ngram_range": (1, 3), "min_df": 2},
    {"ngram_range": (2, 2), "lowercase": False},
    {"min_df": 0.01, "max_df": 0.2},
    {"max_df": 40, "min_df": 3, "binary": True},
]
WEIGHTS = [
    {},
    {"ngram_range": (1, 2), "min_df": 3, "norm": "l1"},
    {"sublinear_tf": True, "smooth_idf": False, "norm": None},
    {"use_idf": False, "binary": True, "max_df": 0.1},
    {"sublinear_tf": True, "lowercase": False},
]
HASHES = [
    {"n_features": 256},
    {"n_features": 16, "alternate_sign": False, "norm": "l1"},
    {"n_features": 7, "binary": True, "norm": None, "ngram_range": (1, 2)},
    {"n_features": 8192, "lowercase": False, "norm": None},
]


def ours(options):
    return {
        key: "none" if value is None else list(value) if isinstance(value, tuple) else value
        for key, value in options.items()
    }


@pytest.mark.compares("CountVectorizer")
@pytest.mark.parametrize("options", COUNTS)
def test_counts_are_scikit_learns(options):
    require_same("CountVectorizer", CountVectorizer(**options), 0.0, max_features=10_000, **ours(options))


@pytest.mark.compares("CountVectorizer", "TfidfVectorizer")
@pytest.mark.parametrize("stop_words", ["english", ["the", "of", "data"]])
def test_stop_words_are_scikit_learns(stop_words):
    named = {"stop_words": stop_words} if stop_words == "english" else {"more_stop_words": stop_words}

    reference = CountVectorizer(stop_words=stop_words, ngram_range=(1, 2), min_df=2)
    require_same("CountVectorizer", reference, 0.0, max_features=10_000, ngram_range=[1, 2], min_df=2, **named)
    reference = TfidfVectorizer(stop_words=stop_words)
    require_same("TfidfVectorizer", reference, 1e-12, max_features=10_000, **named)


@pytest.mark.compares("CountVectorizer")
def test_the_most_frequent_words_are_scikit_learns_where_no_other_is_as_frequent():
    totals = np.sort(np.asarray(CountVectorizer().fit_transform(FILLED).sum(axis=0)).ravel())[::-1]
    clear = [limit for limit in range(2, 60) if totals[limit - 1] > totals[limit]]

    for limit in clear[:: len(clear) // 4]:
        require_same("CountVectorizer", CountVectorizer(max_features=limit), 0.0, max_features=limit)


def test_learning_words_takes_no_more_memory_for_more_texts():
    def peak(rows):
        words = [[f"word{(i * j + i // 997) % 997}" for j in range(30)] for i in range(rows)]
        texts = pl.Series("text", [" ".join(each) for each in words])
        tracemalloc.start()
        learn_vocabulary(texts, VocabularyConfig())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(1_000), peak(8_000)

    assert many < 2 * few


def test_more_terms_than_can_be_counted_are_refused():
    texts = pl.Series("text", [f"word{i}" for i in range(101)])

    assert len(learn_vocabulary(texts, VocabularyConfig(), most_terms=101).terms) == 101
    with pytest.raises(DataError, match="'text' has more than 100 different terms") as caught:
        learn_vocabulary(texts, VocabularyConfig(), most_terms=100)

    assert (caught.value.reason, caught.value.column) == ("too-many-terms", "text")


SMALL_MEMORY = """
import resource
import polars as pl
from skyulf_core import Pipeline
frame = pl.DataFrame({"text": [f"word{i}" for i in range(1000)] * 500})
node = {"node": "CountVectorizer", "config": {"columns": ["text"]}}
pipeline = Pipeline.from_config({"steps": [node]}).fit(frame.head(1000))
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30), resource.RLIM_INFINITY))
try:
    pipeline.transform(frame)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_words_that_do_not_fit_into_memory_are_refused_in_a_sentence():
    done = subprocess.run([sys.executable, "-c", SMALL_MEMORY], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("DataError CountVectorizer: 500000 rows of 1000 new columns take 4.0 GB")


def test_of_equally_frequent_words_the_first_in_the_alphabet_are_taken():
    frame = pl.DataFrame({"text": ["dog cat emu bee", "emu ant"]})

    applier, params = fitted("CountVectorizer", frame, max_features=3)

    assert applier.apply(frame, params).columns == ["text_ant", "text_bee", "text_emu"]


@pytest.mark.compares("TfidfVectorizer")
@pytest.mark.parametrize("options", WEIGHTS)
def test_weights_are_scikit_learns(options):
    require_same("TfidfVectorizer", TfidfVectorizer(**options), 1e-12, max_features=10_000, **ours(options))


@pytest.mark.compares("HashingVectorizer")
@pytest.mark.parametrize("options", HASHES)
def test_hashes_are_scikit_learns(options):
    require_same("HashingVectorizer", HashingVectorizer(**options), 1e-12, **ours(options))


@pytest.mark.compares("Tokenizer")
@pytest.mark.parametrize("lowercase", [True, False])
def test_tokens_are_those_of_scikit_learns_analyzer(lowercase):
    analyze = CountVectorizer(lowercase=lowercase, stop_words="english").build_analyzer()
    wanted = [[word for word in analyze(text) if len(word) >= 4] for text in FILLED]

    applier, params = fitted("Tokenizer", lowercase=lowercase, stop_words="english", min_length=4, count_tokens=True)
    found = applier.apply(FRAME, params)

    missing = FRAME["text"].is_null().to_list()
    assert found["text"].to_list() == [None if m else " ".join(w) for m, w in zip(missing, wanted, strict=True)]
    assert found["text_tokens"].to_list() == [len(words) for words in wanted]


def test_names_never_clash():
    frame = pl.DataFrame({"text": ["one two"], "text_one": [1.0], "text_two": ["two"]})

    applier, params = fitted("CountVectorizer", frame, columns=["text", "text_two"])

    assert applier.apply(frame, params).columns == ["text_one", "text_one_2", "text_two", "text_two_two"]


def test_too_many_columns_are_refused_before_they_are_made():
    frame = pl.DataFrame({name: ["word"] for name in ("a", "b")})

    with pytest.raises(DataError, match="2 columns of texts would become 16384 columns; at most 10000 may") as caught:
        fitted("HashingVectorizer", frame, n_features=8_192)

    assert caught.value.reason == "too-many-columns"


@pytest.mark.parametrize("frame", [FRAME.clear(), FRAME.with_columns(pl.lit("a b ?").alias("text"))])
def test_texts_without_words_are_refused(frame):
    for node in ("CountVectorizer", "TfidfVectorizer"):
        with pytest.raises(DataError, match="column 'text' has no words to learn from") as caught:
            fitted(node, frame)
        assert caught.value.reason == "no-words"


def vectors_of(words, size=5):
    return np.random.default_rng(3).normal(size=(len(words), size)).astype(np.float32)


WORDS = ["the", "data", "set", "of", "größe_2", "The", "mean", "the"]


def folder_of(path, kind):
    vectors = vectors_of(WORDS)
    np.save(path / "embeddings.npy", vectors)
    unique = [*WORDS[:-1], "unused"]
    table = {word: row for row, word in enumerate(unique)}
    written = {
        "vocabulary.txt": "\n".join(WORDS) + "\n",
        "vocabulary.json": str(WORDS).replace("'", '"'),
        "tokenizer.json": str({"model": {"type": "WordLevel", "vocab": table}}).replace("'", '"'),
    }
    (path / kind).write_text(written[kind], encoding="utf-8")
    return vectors


@pytest.mark.compares("SentenceEmbedder")
@pytest.mark.parametrize("kind", ["vocabulary.txt", "vocabulary.json", "tokenizer.json"])
@pytest.mark.parametrize("normalize", [True, False])
def test_embeddings_are_the_means_of_the_rows(tmp_path, kind, normalize):
    table = dict(zip(reversed(WORDS), reversed(folder_of(tmp_path, kind).astype(np.float64)), strict=True))
    analyze = CountVectorizer().build_analyzer()

    applier, params = fitted("SentenceEmbedder", path=str(tmp_path), normalize=normalize)
    found = applier.apply(FRAME, params).to_numpy()

    for row, text in zip(found, FILLED, strict=True):
        known = [table[word] for word in analyze(text) if word in table]
        wanted = np.mean(known, axis=0) if known else np.zeros(5)
        if normalize and known:
            wanted = wanted / np.linalg.norm(wanted)
        assert np.abs(row - wanted).max() <= 1e-12


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_glove_and_word2vec_texts_are_read(tmp_path, header):
    file = tmp_path / "vectors.txt"
    file.write_text(f"{header}the 1.5 -2\n, 0 0\nwörld 1e-3 4 \n", encoding="utf-8")

    words, vectors = read_vectors(str(file), 3)

    assert words == ["the", ",", "wörld"]
    assert vectors.tolist() == np.array([[1.5, -2], [0, 0], [1e-3, 4]], np.float32).tolist()
    assert read_vectors(str(file), 1).words == ["the"]


BROKEN = {
    "no such": None,
    "ragged": b"the 1 2\nof 1\n",
    "words": b"the quick brown\n",
    "endless": b"a " + b"1 " * 100_000,
    "not finite": b"the nan 1\n",
    "no numbers": b"the\n",
    "empty": b"",
    "binary": b"\xff\xfe\x00",
}


def require_refused(path):
    with pytest.raises(DataError, match="cannot be used") as caught:
        fitted("SentenceEmbedder", path=str(path))
    assert caught.value.reason == "unusable-vectors"


@pytest.mark.parametrize("case", list(BROKEN))
def test_unusable_files_are_refused(tmp_path, case):
    if BROKEN[case] is not None:
        (tmp_path / case).write_bytes(BROKEN[case])

    require_refused(tmp_path / case)


FOLDERS = {
    "pickled": (np.array([{"a": 1}] * 8, object), "\n".join(WORDS)),
    "too few words": (np.ones((9, 2)), "\n".join(WORDS)),
    "whole numbers": (np.ones((8, 2), np.int64), "\n".join(WORDS)),
    "too wide": (np.ones((8, 1_025)), "\n".join(WORDS)),
    "infinite": (np.full((8, 2), np.inf), "\n".join(WORDS)),
}


@pytest.mark.parametrize("case", list(FOLDERS))
def test_unusable_folders_are_refused(tmp_path, case):
    table, words = FOLDERS[case]
    np.save(tmp_path / "embeddings.npy", table, allow_pickle=True)
    (tmp_path / "vocabulary.txt").write_text(words)

    require_refused(tmp_path)


TOKENIZERS = [
    '{"model": {"type": "WordPiece", "vocab": {"the": 0}}}',
    '{"model": {"type": "WordLevel", "vocab": {"the": 0, "of": 2}}}',
    "[1]",
    "no JSON",
]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_tokenizers_of_parts_of_words_are_refused(tmp_path, tokenizer):
    np.save(tmp_path / "embeddings.npy", np.ones((1, 2)))
    (tmp_path / "tokenizer.json").write_text(tokenizer)

    require_refused(tmp_path)


STEPS = {
    "tfidf": ("TfidfVectorizer", {"columns": ["text"], "max_features": 50, "ngram_range": [1, 2]}),
    "hashes": ("HashingVectorizer", {"columns": ["text"], "n_features": 64}),
    "vectors": ("SentenceEmbedder", {"columns": ["text"], "path": "folder"}),
}


@pytest.mark.parametrize("case", list(STEPS))
def test_a_text_classifier_answers_the_same_from_its_plan_without_its_files(tmp_path, case):
    node, config = STEPS[case]
    if "path" in config:
        folder_of(tmp_path, "vocabulary.txt")
        config = config | {"path": str(tmp_path)}
    frame = FRAME.with_columns(label=pl.Series(["long" if len(line) > 40 else "short" for line in LINES]))
    steps = [{"node": "TrainTestSplit", "config": {"target": "label"}}, {"node": node, "config": config}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "logistic_regression"}}).fit(frame)
    pipeline.save(tmp_path / "bundle")
    for file in tmp_path.glob("*.*"):
        file.unlink()

    model = load_plan(tmp_path / "bundle")
    rows = FRAME.to_dicts()
    batch = model.predict_batch(rows)

    assert batch.predictions == pipeline.predict(FRAME).to_list()
    for row in range(0, len(rows), 37):
        alone = model.predict_row(rows[row])
        assert alone.predictions[0] == batch.predictions[row]
        assert alone.probabilities[0] == pytest.approx(batch.probabilities[row], abs=1e-12)
    assert verify(tmp_path / "bundle").largest_difference <= 1e-12
