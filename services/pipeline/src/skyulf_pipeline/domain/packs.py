"""A pack: all that a job has made, as one file that another installation can take in.

A plain tar of `trained.json` (what is said of the model), the files of the bundle and those of the report. It is not
compressed: nothing comes out of it that was not sent.
"""

FORMAT = "skyulf.pack/1"
MEDIA_TYPE = "application/x-tar"
TRAINED, BUNDLE, REPORT = "trained.json", "bundle", "report"
