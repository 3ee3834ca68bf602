"""`skyulf tune`."""

from pathlib import Path
from typing import Annotated

import typer

from skyulf_client.cli.context import AsJson, client, finite
from skyulf_client.cli.jobs import end_of, show_job
from skyulf_client.cli.pipelines import SourceOption, read_config, read_sources


def tune(  # noqa: PLR0913 - an option of the command each
    context: typer.Context,
    pipeline: Annotated[str, typer.Argument(help="The pipeline's id", metavar="PIPELINE")],
    dataset: Annotated[str, typer.Option(help="The dataset's id")],
    trials: Annotated[int | None, typer.Option(help="How many trials there are", min=1)] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds after which no trial goes on; of each attempt anew", callback=finite)
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="grid, random, halving_grid, halving_random or optuna; default: random")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="What is searched for; default: roc_auc or r2")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Seconds of AutoML: of a pipeline whose model is auto", min=1, callback=finite)
    ] = None,
    tuning: Annotated[
        Path | None, typer.Option(help="A JSON file with search_space, cv and so on; the options go before it")
    ] = None,
    continues: Annotated[
        str | None,
        typer.Option(
            help="A tuning of the same pipeline and data, to go on with its trials, as it searched (its timeout, too) "
            "but for these options",
            metavar="JOB",
        ),
    ] = None,
    source: SourceOption = None,
    priority: Annotated[int, typer.Option(help="A higher one goes first", min=-100, max=100)] = 0,
    wait: Annotated[bool, typer.Option(help="Watch the job until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Search a pipeline's best parameters on a dataset, and train it with them; ends with 1 where the job fails.

    Of a pipeline whose model is auto, preparation and model are searched within --budget seconds.
    """
    told = {"n_trials": trials, "timeout": timeout, "strategy": strategy, "metric": metric, "budget": budget}
    options = {name: value for name, value in told.items() if value is not None}
    wanted = {**({} if tuning is None else read_config(tuning)), **options}
    with client(context) as skyulf:
        takes_own = tuning is None and continues is None and options
        own = skyulf.pipelines.get(pipeline).config.get("tuning") if takes_own else None
        base = own if isinstance(own, dict) else {}
        told_all = {**base, **wanted} or None
        sources = read_sources(source)
        job = skyulf.pipelines.tune(
            pipeline, dataset, told_all, continues=continues, sources=sources, priority=priority
        )
        if wait:
            job = end_of(skyulf, job)
    show_job(job, as_json)
    raise typer.Exit(1 if wait and job.status != "succeeded" else 0)
