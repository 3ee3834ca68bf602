"""What a person would write without Skyulf: the same models with plain pandas and scikit-learn."""

import io
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

NUMBERS = ["month", "day", "hour", "dep_delay", "air_time", "distance"]
WITH_NULLS = ["dep_delay", "air_time"]
CATEGORIES = ["carrier", "origin", "dest"]


def training_rows(data: bytes) -> pd.DataFrame:
    """The rows that both models learn from."""
    frame = pd.read_csv(io.BytesIO(data))
    train, _ = train_test_split(np.arange(len(frame)), test_size=0.25, random_state=7, stratify=frame["outcome"])
    return frame.iloc[train]


def mean_of_training(data: bytes) -> dict[str, float]:
    """What a mean imputer must have learned."""
    return {name: float(value) for name, value in training_rows(data)[WITH_NULLS].mean().items()}


def logistic_regression(data: bytes, rows: list[dict[str, Any]]) -> np.ndarray:
    """Probabilities of `late` and `on time`: mean imputation, one-hot, standardisation, logistic regression."""
    train, asked = training_rows(data), pd.DataFrame(rows)
    imputer = SimpleImputer().fit(train[WITH_NULLS])
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[CATEGORIES])

    def filled(frame: pd.DataFrame) -> np.ndarray:
        numbers = frame[NUMBERS].astype(float)
        numbers[WITH_NULLS] = imputer.transform(frame[WITH_NULLS].astype(float))
        return numbers.to_numpy()

    scaler = StandardScaler().fit(filled(train))

    def features(frame: pd.DataFrame) -> np.ndarray:
        return np.hstack([scaler.transform(filled(frame)), encoder.transform(frame[CATEGORIES])])

    model = LogisticRegression(max_iter=1000).fit(features(train), train["outcome"])
    return model.predict_proba(features(asked))


def boosted_trees(data: bytes, rows: list[dict[str, Any]]) -> np.ndarray:
    """Probabilities of `late` and `on time`: ordinal codes and boosted trees, nulls left to the trees."""
    train, asked = training_rows(data), pd.DataFrame(rows)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(train[CATEGORIES])
    columns = [name for name in train.columns if name != "outcome"]

    def features(frame: pd.DataFrame) -> np.ndarray:
        numbers = frame[columns].copy()
        numbers[CATEGORIES] = encoder.transform(frame[CATEGORIES])
        return numbers.to_numpy(float)

    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(features(train), train["outcome"])
    return model.predict_proba(features(asked))
