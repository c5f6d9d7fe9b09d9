"""Settings: one frozen object, read from the environment (`MOODLINE_...`) once, at start."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service.errors import BadSettings
from service.sentiment.reading import is_output

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "MOODLINE_"
PLAINLY = {
    "extra_forbidden": "is not known here",
    "tuple_type": "must be a text, or a list of texts",
    "frozen_set_type": "must be a text, or a list of texts",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": "must begin with https://",
}


def _listed(given):
    return [given] if isinstance(given, str) else given


class WebhookSettings(BaseModel):
    """One account of a source of webhooks; which of these a source needs is told by its module in service/channels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)] = ()
    verify_token: SecretStr = SecretStr("")
    unsigned: bool = False
    chats: Annotated[frozenset[str], BeforeValidator(_listed)] = frozenset()
    url: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, protected_namespaces=())

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    data_dir: Path = Field(ROOT / "data", description="folder of the embedded database")
    database_url: str = Field("", description="PostgreSQL or SQLite URL; empty: SQLite in the data folder")
    model_dir: Path = Field(ROOT / "models" / "sentiment", description="folder of the exported model")
    engine: Literal["auto", "onnx", "torch"] = Field(
        "auto",
        description="what runs the model: ONNX Runtime on the processor (auto), or PyTorch, on a GPU where there is one",
    )
    hub_model: str = Field(
        "",
        description="a classifier of a hub, owner/name or owner/name@revision, or its folder, in place of our own model",
    )
    hub_labels: dict[str, str] = Field(
        {}, description='what the labels of that classifier mean, as JSON: {"LABEL_0": "negative"}'
    )
    batch_wait_ms: float = Field(
        1, ge=0, le=5, description="how long the first text at an idle model waits for company, in milliseconds"
    )
    model_queue: int = Field(
        2_048, ge=1, description="texts that may wait for their readings over HTTP; more get a 503"
    )
    model_threads: int = Field(0, ge=0, description="processor threads for the model; 0: as many as there are cores")
    playbook: Path = Field(ROOT / "service" / "playbook.yaml", description="file of the playbook")
    half_life_days: float = Field(14, gt=0, description="after so many days a conversation weighs half in the mood")
    signal_raise: int = Field(40, ge=1, le=100, description="a churn signal is raised at this risk, from 0 to 100 …")
    signal_clear: int = Field(30, ge=0, le=100, description="… and cleared when the risk falls below this")
    common_cause_customers: int = Field(
        10, ge=2, description="least customers complaining of one thing in a day to be called a common cause"
    )
    stages: str = Field(
        "acquire,grow,keep",
        min_length=1,
        description="stages of the customer's journey, in their order, comma-separated",
    )
    agent_insights: bool = Field(False, description="let /v1/insights/agents answer")
    agent_least: int = Field(5, ge=5, description="least conversations of an agent that /v1/insights/agents tells of")
    phone_region: str = Field(
        "IL", min_length=2, max_length=2, description="country of phone numbers without a country code"
    )
    embedded_worker: bool = Field(
        True, description="let `serve` score in the background too, beside any `moodline worker`"
    )
    deliver: bool = Field(True, description="let `serve` deliver to subscriptions")
    private_webhooks: bool = Field(
        False, description="let subscriptions lead to private, link-local and loopback addresses too"
    )
    webhooks: dict[str, WebhookSettings] = Field(
        {}, description='accounts of the native channels, as JSON: {"meta": {"secret": "…", "verify_token": "…"}}'
    )
    worker_batch: int = Field(16, ge=1, le=500, description="interactions that a worker claims at once")
    worker_poll_s: float = Field(0.5, gt=0, description="pause of an idle worker before it looks again, in seconds")
    lease_s: float = Field(
        120, ge=1, description="a claim not finished within so many seconds is taken over by another worker"
    )
    wait_s: float = Field(
        30, gt=0, description="longest that `wait=true` waits for readings another process works on, in seconds"
    )
    mood_refresh_s: float = Field(
        86_400, gt=0, description="a stored mood older than this is computed anew by an idle worker"
    )
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="largest request body accepted")
    retry_after_s: int = Field(2, ge=1, description="Retry-After sent with a 503, in seconds")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @field_validator("hub_labels")
    @classmethod
    def _known_outputs(cls, value):
        if unknown := [output for output in value.values() if not is_output(output)]:
            raise ValueError(f"{unknown[0]} is no output: give negative, neutral, positive, churn_intent or KIND:NAME")
        return value

    @model_validator(mode="after")
    def _cleared_below_raised(self):
        if self.signal_clear > self.signal_raise:
            raise ValueError(f"{PREFIX}SIGNAL_CLEAR must not be above {PREFIX}SIGNAL_RAISE")
        return self

    @model_validator(mode="after")
    def _hub_runs_on_torch(self):
        if self.hub_model and self.engine == "onnx":
            raise ValueError(f"a hub's model runs on PyTorch: unset {PREFIX}ENGINE or {PREFIX}HUB_MODEL")
        return self

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value):
        scheme, found, rest = value.partition("://")
        if not value:
            return value
        if scheme in ("postgres", "postgresql", "postgresql+psycopg") and found:
            return f"postgresql+psycopg://{rest}"
        if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
            return value
        raise ValueError("give postgresql://user:password@host/database or sqlite:///path/to/file.db")

    @property
    def url(self):
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'moodline.db'}"


def read_settings():
    """The settings from the environment; raises BadSettings with one line a fault."""
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettings("; ".join(map(_line, error.errors()))) from None
    except SettingsError as error:
        # Only its own text names the setting; the value is not in it.
        name = re.search(r'field "(\w+)"', str(error))
        raise BadSettings(f"{PREFIX}{name[1].upper() if name else '…'}: is not valid JSON") from None


def _line(fault):
    """What is wrong, after the setting's name and the place in it."""
    name, *place = fault["loc"] or ("",)
    where = f"{PREFIX}{str(name).upper()}: " if name else ""
    message = PLAINLY.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return where + (f"{'.'.join(map(str, place))}: " if place else "") + message


def unknown_settings():
    """One line for each `MOODLINE_...` variable that is no setting, with the nearest name that is."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    lines = []
    for name in sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        near = difflib.get_close_matches(name, known, 1)
        lines.append(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
    return lines
