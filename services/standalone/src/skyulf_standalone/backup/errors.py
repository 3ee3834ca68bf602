"""What can be wrong with a backup, or with the place that it is restored to; the text says what to do."""


class BackupError(Exception):
    """A backup or restore that cannot be done. Nothing was changed unless the text says so."""


class DamagedArchiveError(BackupError):
    """The file is no whole backup: cut, changed, or something else altogether."""
