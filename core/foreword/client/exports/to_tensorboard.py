"""Export of runs to TensorBoard: a folder of event files for each run, written with TensorBoard's own package.

An export writes all events of a run to a new file, whose first event tells readers to forget what they know of the run.
The file of the export before stays, because a TensorBoard that is open may still read it; older ones are deleted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from foreword.client.exports.exported_run import ExportedRun
from foreword.client.exports.run_record import RunRecord
from foreword.domain.job import JobState
from foreword.domain.report_limits import cut_text
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.installation import install_command

_RECIPE: Final = "foreword.json"
_SUFFIX: Final = ".foreword"
_KEPT_FILES: Final = 2
_MOST_CHARACTERS: Final = 200
_MOST_NAME: Final = 80


class TensorboardExporter:
    """Writes runs below a folder, each to a folder of its own. Methods block.

    Raises:
        FailedPreconditionError: TensorBoard is not installed.
    """

    def __init__(self, logdir: Path) -> None:
        try:
            import tensorboard.summary.writer.record_writer  # noqa: F401 - only to find out whether it is installed
        except ImportError as error:
            raise FailedPreconditionError(
                f"An export to TensorBoard needs its package. Install it with: {install_command('tensorboard')}",
                reason="TENSORBOARD_MISSING",
            ) from error
        self._logdir = logdir

    def write(self, record: RunRecord) -> ExportedRun:
        """Write a run, and replace what was exported of it before.

        Raises:
            FailedPreconditionError: The folder of the run holds another run.
            InvalidArgumentError: The folder cannot be written to.
        """
        try:
            return _export(record, self._logdir)
        except OSError as error:
            raise InvalidArgumentError.of("logdir", f"cannot be written to: {error}") from error


def _export(record: RunRecord, logdir: Path) -> ExportedRun:
    folder = logdir / _folder_name(record)
    is_new = _check_same(record, folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / _RECIPE, record.recipe.encode())
    # TensorBoard reads the files of a folder in the order of their names.
    moment = round(record.update_time.timestamp() * 1_000_000)
    _write(folder / f"events.out.tfevents.{moment:020d}{_SUFFIX}", _content(record))
    for path in sorted(folder.glob(f"events.out.tfevents.*{_SUFFIX}"), reverse=True)[_KEPT_FILES:]:
        path.unlink()
    return ExportedRun(tune_experiment=record.name, display_name=record.display_name, target=str(folder), is_new=is_new)


def _folder_name(record: RunRecord) -> str:
    """Return a readable name that is the same at every export: display name and id."""
    shown = re.sub(r"[^\w.-]+", "-", record.display_name).strip("-.")[:_MOST_NAME]
    return f"{shown or 'run'}-{record.name.rsplit('/', 1)[-1]}"


def _check_same(record: RunRecord, folder: Path) -> bool:
    """Return whether the folder of a run is new.

    Raises:
        FailedPreconditionError: It holds a run of another tenant, or of a deleted experiment with the same id.
    """
    try:
        known = json.loads((folder / _RECIPE).read_bytes())
    except FileNotFoundError:
        return True
    except ValueError:
        return False  # what it held is replaced
    same = all(known.get(name) == record.facts[name] for name in ("tune_experiment", "create_time"))
    if not same:
        raise FailedPreconditionError(
            f"{folder} holds another run with this name and id, {known.get('tune_experiment')} of "
            f"{known.get('create_time')}. Export to another folder, or move that one away.",
            reason="FOLDER_IN_USE",
        )
    return False


def _content(record: RunRecord) -> bytes:
    """Return the event file of a run."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = BytesIO()
    writer = RecordWriter(content)
    for event in _events(record):
        writer.write(event.SerializeToString())
    return content.getvalue()


def _events(record: RunRecord) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.text.summary_v2 import text_pb

    start = record.start_time.timestamp()
    yield Event(wall_time=start, file_version="brain.Event:2")
    yield Event(wall_time=start, session_log=SessionLog(status=SessionLog.START))
    short = {
        name: cut_text(value, _MOST_CHARACTERS) if isinstance(value, str) else value
        for name, value in record.parameters.items()
    }
    yield Event(wall_time=start, summary=hparams.hparams_pb(short, trial_id=record.name, start_time_secs=start))
    texts = {
        "description": record.description,
        "tags": "\n".join(f"- {key}: {value}" for key, value in record.tags.items()),
        "facts": "\n".join(f"- {name}: {value}" for name, value in record.facts.items()),
        "recipe": f"```json\n{record.recipe}\n```",
    }
    for name, text in texts.items():
        if text:
            yield Event(wall_time=start, summary=text_pb(f"foreword/{name}", text))
    for point in record.curve:
        value = Summary.Value(tag=point.metric, simple_value=point.value)
        yield Event(wall_time=point.time.timestamp(), step=point.step, summary=Summary(value=[value]))
    if record.end_time is None:
        return
    end = record.end_time.timestamp()
    results = [Summary.Value(tag=name, simple_value=value) for name, value in record.results.items()]
    yield Event(wall_time=end, step=record.result_step, summary=Summary(value=results))
    yield Event(wall_time=end, summary=_session_end(record.state, end))


def _session_end(state: JobState, end_seconds: float) -> Any:
    """Return the summary with which the table of hyperparameters shows how the run has ended."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = "STATUS_SUCCESS" if state is JobState.SUCCEEDED else "STATUS_FAILURE"
    info = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value(status), end_time_secs=end_seconds)
    data = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info))
    return Summary(value=[Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=data, tensor=metadata.NULL_TENSOR)])


def _write(path: Path, content: bytes) -> None:
    """Write a file at once, so that nobody reads a part of it. The name of the temporary file is no event file's."""
    temporary = path.with_name(f".{path.name.replace('tfevents', 'writing')}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
