"""AutoML: a pipeline that chooses its preprocessing and its model within a budget of seconds."""

from skyulf_core.automl.config import AutoConfig
from skyulf_core.automl.leaderboard import AutoResult, Entry

__all__ = ["AutoConfig", "AutoResult", "Entry"]
