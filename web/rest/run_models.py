"""Runs as JSON: what may be asked for, and what is told of one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from mlcore.aggregation import AGGREGATIONS
from mlcore.mlp import INITS
from mlcore.schedules import SCHEDULES
from mlcore.server_rules import SERVER_OPTIMIZERS
from mlcore.settings import ACTIVATIONS, DTYPES, OPTIMIZERS
from rpc import run_spec as most
from rpc.messages import AttemptRow, Checkpoint, RoundRow, RunSpec, WorkRow
from web.rest.models import BlobText, File, Labels, Strict, Text, one_of

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, le=most.MAX_SECONDS)]
Share = Annotated[float, Field(gt=0, le=1)]
Width = Annotated[int, Field(ge=1, le=most.MAX_WIDTH)]
Rounds = Annotated[int, Field(ge=1, le=most.MAX_ROUNDS)]
Epochs = Annotated[int, Field(ge=1, le=most.MAX_EPOCHS)]


class Letters(Strict):
    """The letters that Roundhouse brings along."""

    kind: Literal["letters"]


class DataOf(Strict):
    """The data of an earlier run."""

    kind: Literal["run"]
    run: Annotated[Text, Field(min_length=1)]


class Blobs(Strict):
    """Files that the coordinator holds."""

    kind: Literal["blobs"]
    shards: Annotated[list[File], Field(min_length=1, max_length=10_000), FailFast()]
    validation: File


Data = Annotated[Letters | DataOf | Blobs, Field(discriminator="kind")]


class RunSettings(Strict):
    """The optional settings; what is left out is as docs/training.md says, or for a branch as it was."""

    classes: Annotated[int, Field(ge=0, le=most.MAX_CLASSES)] = 0
    activation: Annotated[str, one_of(*ACTIVATIONS)] = "relu"
    init: Annotated[str, one_of("", *INITS)] = ""
    optimizer: Annotated[str, one_of(*OPTIMIZERS)] = "gd"
    batch_size: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: NotNegative = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    eta_schedule: Annotated[str, one_of(*SCHEDULES)] = "constant"
    standardize: bool = False
    server_optimizer: Annotated[str, one_of(*SERVER_OPTIMIZERS)] = "fedavg"
    weighting: Annotated[str, one_of(*most.WEIGHTINGS)] = "rows"
    dtype: Annotated[str, one_of(*DTYPES)] = "float32"
    seed: Annotated[int, Field(ge=0, le=most.MAX_SEED)] = 1
    threads: Annotated[int, Field(ge=1, le=most.MAX_THREADS)] = 1
    tolerance: NotNegative = 0.2
    max_delta_norm: NotNegative = 0.0
    mixed_classes: bool = False
    patience: Annotated[int, Field(ge=0, le=most.MAX_ROUNDS)] = 0
    target_error: Annotated[float, Field(ge=0, le=1)] = 0.0
    max_time_s: Seconds = 0.0
    run_timeout_s: Annotated[float, Field(gt=0, le=most.MAX_SECONDS)] = 86400.0
    max_node_losses: Annotated[int, Field(ge=1, le=1000)] = 3
    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 5
    owner: Text = ""
    priority: Annotated[int, Field(ge=-most.MAX_PRIORITY, le=most.MAX_PRIORITY)] = 0
    min_nodes: Annotated[int, Field(ge=1, le=most.MAX_NODES)] = 1
    max_nodes: Annotated[int, Field(ge=0, le=most.MAX_NODES)] = 0
    select: Labels = Field(default_factory=dict)
    fraction: Share = 1.0
    min_shards: Annotated[int, Field(ge=1, le=most.MAX_SHARDS)] = 1
    round_deadline_s: Annotated[float, Field(ge=-1, le=most.MAX_SECONDS)] = 0.0
    server_eta: NotNegative = 0.0
    aggregation: Annotated[str, one_of(*AGGREGATIONS)] = "mean"
    trim: Annotated[int, Field(ge=0, le=most.MAX_SHARDS)] = 1
    prox_mu: NotNegative = 0.0
    keep_checkpoints: Annotated[int, Field(ge=1, le=most.MAX_ROUNDS)] = 2
    speculation: bool = True
    force_queue: bool = False


class NewRun(Strict):
    """A run to be started."""

    data: Data
    rounds: Rounds
    epochs: Epochs
    hidden: Annotated[list[Width], Field(max_length=most.MAX_HIDDEN_LAYERS), FailFast()]
    eta: Positive
    name: Text = ""
    settings: RunSettings = RunSettings()


class Branch(Strict):
    """What a branch does otherwise than the run that it goes on from."""

    from_round: Annotated[int, Field(ge=1, le=most.MAX_ROUNDS)] | Literal["last", "best"] = "last"
    rounds: Rounds | None = None
    epochs: Epochs | None = None
    eta: Positive | None = None
    settings: RunSettings = RunSettings()

    def changes(self) -> dict[str, Any]:
        """Those that were said."""
        changes: dict[str, Any] = self.settings.model_dump(exclude_unset=True)
        return changes | self.model_dump(exclude_unset=True, exclude={"settings", "from_round"}, exclude_none=True)


class Verify(Strict):
    """Attributes: sample, the share of the updates that are computed again, chosen by the seed."""

    sample: Share = 0.1
    seed: Annotated[int, Field(ge=0, le=most.MAX_SEED)] = 1


class Detail(BaseModel):
    """What is known of a run beside its row."""

    model_config = ConfigDict(from_attributes=True)

    rounds: list[RoundRow]
    tasks_by_node: dict[str, int]
    rejections: int
    retries: int
    bytes_sent: int
    bytes_received: int
    model: str
    model_sha256: str
    model_bytes: int
    layers: list[int]
    activation: str
    dtype: str
    numeric_class: str
    mixed: bool
    parent: str
    parent_round: int


class RunShown(BaseModel):
    """All that is known of a run."""

    row: WorkRow
    run: Detail
    settings: RunSpec
    checkpoints: list[Checkpoint]


class Attempts(BaseModel):
    """Attributes: items, by round and shard; is_whole: there are no more of these rounds than one answer holds."""

    items: list[AttemptRow]
    is_whole: bool


class Confusion(BaseModel):
    """Attributes: matrix, how many rows of the validation set of each class (first index) were taken for which."""

    model: BlobText
    rows: int
    error: float
    matrix: list[list[int]]


class Predict(Strict):
    """Attributes: rows of features."""

    rows: Annotated[list[Annotated[list[float], FailFast()]], Field(min_length=1), FailFast()]
    probabilities: bool = False


class Predicted(BaseModel):
    """Attributes: classes, the most likely one of each row; probabilities of each class, if they were asked for."""

    classes: list[int]
    probabilities: list[list[float]] | None
