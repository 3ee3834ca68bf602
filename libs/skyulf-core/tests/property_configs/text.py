"""Configurations of the text nodes that the property test runs."""

from skyulf_core import NodeRegistry

EXAMPLE_VECTORS = NodeRegistry.get("SentenceEmbedder").calculator.examples[0]["path"]
CONFIGS = [
    ("CountVectorizer", {"columns": ["d"], "ngram_range": [1, 3]}),
    ("CountVectorizer", {"columns": ["t", "n"], "binary": True, "drop_original": False, "lowercase": False}),
    ("TfidfVectorizer", {"columns": ["d", "n"], "ngram_range": [1, 2], "sublinear_tf": True}),
    ("TfidfVectorizer", {"columns": ["d"], "norm": "l1", "smooth_idf": False, "max_features": 2, "max_df": 0.9}),
    ("HashingVectorizer", {"columns": ["t", "d"], "n_features": 4, "ngram_range": [1, 2]}),
    ("HashingVectorizer", {"columns": ["d"], "n_features": 3, "binary": True, "norm": "none"}),
    ("HashingVectorizer", {"columns": ["n", "d"], "n_features": 7, "alternate_sign": False, "norm": "l1"}),
    ("Tokenizer", {"columns": ["t", "d", "n"], "count_tokens": True, "stop_words": "english"}),
    ("Tokenizer", {"columns": ["t"], "lowercase": False, "min_length": 3}),
    ("SentenceEmbedder", {"columns": ["t", "d"], "path": EXAMPLE_VECTORS, "normalize": True}),
]
