"""Methods that the papers are compared with, one file each."""

#: name -> class name in zoo/baselines/<name>.py
BASELINES = {
    "conopt": "ConOpt",
    "nk17": "NK17",
}
