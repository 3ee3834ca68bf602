"""What a person would write without Skyulf: FastAPI, a pandas frame per request, a scikit-learn pipeline.

``competitor.py fit flights.csv model.joblib`` trains, ``competitor.py serve model.joblib PORT`` serves. It has every
advantage that it can have without being another program: orjson for the bodies, no checks, no hand-over to a thread.
"""

import os
import sys

# one thread for one row: OpenMP's threads only get into each other's way
os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
import orjson
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

NUMBERS = [
    "sched_dep_time", "sched_arr_time", "dep_delay", "flight", "distance", "day", "hour", "minute",
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib",
]  # fmt: skip
ONE_HOT, ORDINAL, DATE, TARGET = ["carrier", "origin"], ["dest"], "time_hour", "outcome"


def date_parts(frame: pd.DataFrame) -> pd.DataFrame:
    """Month, weekday (Monday 1), hour and day of the date column."""
    at = pd.to_datetime(frame[DATE], utc=True).dt
    return pd.DataFrame({"month": at.month, "weekday": at.day_of_week + 1, "hour_of": at.hour, "day_of": at.day})


def pipeline() -> Pipeline:
    """The same steps and the same trees, column by column in the same order."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer(
        [
            ("numbers", numbers, NUMBERS),
            ("codes", codes, ORDINAL),
            ("dates", FunctionTransformer(date_parts), [DATE]),
            ("one_hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ONE_HOT),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=2013)
    return Pipeline([("columns", columns), ("trees", trees)])


def fit(data: str, model: str) -> None:
    """Train on the rows that Skyulf trains on too."""
    frame = pd.read_csv(data)
    train, _ = train_test_split(np.arange(len(frame)), test_size=0.2, random_state=2013, stratify=frame[TARGET])
    fitted = pipeline().fit(frame.iloc[train].drop(columns=TARGET), frame[TARGET].iloc[train])
    joblib.dump(fitted, model)


def create_app(model: str) -> FastAPI:
    """The server: one endpoint."""
    fitted: Pipeline = joblib.load(model)
    classes = [str(name) for name in fitted.classes_]
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        rows = orjson.loads(await request.body())["rows"]
        chances = fitted.predict_proba(pd.DataFrame(rows))
        answer = {
            "predictions": [classes[index] for index in chances.argmax(axis=1)],
            "probabilities": [dict(zip(classes, row, strict=True)) for row in chances.tolist()],
        }
        return Response(orjson.dumps(answer), media_type="application/json")

    return app


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    match arguments:
        case ["fit", data, model]:
            fit(data, model)
        case ["serve", model, port]:
            uvicorn.run(create_app(model), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
        case _:
            sys.exit("competitor.py fit DATA MODEL | serve MODEL PORT")


if __name__ == "__main__":
    # what is stored must not refer to __main__: the server that loads it is another one
    sys.modules["competitor"] = sys.modules["__main__"]
    date_parts.__module__ = "competitor"
    main(sys.argv[1:])
