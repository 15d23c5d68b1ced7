"""Command lines of launch/tpu.sh that tests share."""

SLICE = ("--name=big", "--project=p", "--zone=z")
RUN = (*SLICE, "--config=configs/small.py", "--workdir=gs://bucket/run")
START = ("start", *RUN, "--type=v3-32")
INSTALL_AND_START = ["scp", "ssh install", "ssh start", "ssh follow"]
MAIN_FLAGS = "--config=configs/small.py --workdir=gs://bucket/run --distributed"


def created(stage):
    """The flags of every creation, without those that say where."""
    place = ("--project=p", "--zone=z", "--quiet")
    calls = [call for call in stage.cloud.calls() if call[3] == "create"]
    return [[argument for argument in call[5:] if argument not in place] for call in calls]
