"""The shapes of the answers, for the documentation and for those who generate clients; the tests hold every answer against them."""

from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.segments import SEGMENTS
from service.signals import KINDS

Label = Literal["negative", "neutral", "positive"]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Probabilities(Answer):
    negative: float
    neutral: float
    positive: float


class Sentiment(Answer):
    label: Label
    valence: float = Field(description="P(positive) - P(negative), in [-1, 1]")
    probabilities: Probabilities


class ModelName(Answer):
    name: str
    version: str


class ChurnIntent(Answer):
    label: bool
    probability: float


class Named(Answer):
    name: str
    probability: float


class Reading(Answer):
    """What the model read in one text; what a model does not tell is absent."""

    sentiment: Sentiment
    language: str = Field(description="ISO 639-1, or und", examples=["he"])
    model: ModelName
    churn_intent: ChurnIntent | None = None
    drivers: list[Named] | None = Field(None, description="why: price, billing, wait_time, …")
    acts: list[Named] | None = Field(None, description="complaint, praise, recommendation, request, wish, question")
    emotions: list[Named] | None = Field(None, description="anger, sadness, fear, joy, trust, surprise")


class TurnReading(Reading):
    turn: int
    speaker: Literal["customer", "agent"]


class Readings(Answer):
    readings: list[Reading]


class Identity(Answer):
    kind: str
    value: str


class Customer(Answer):
    id: str | None = Field(description="null for one known by an identity only")
    identities: list[Identity]


class Level(Answer):
    label: Label
    valence: float


class LowestTurn(Answer):
    turn: int
    text: str
    valence: float


class ConversationDriver(Answer):
    name: str
    turn: int
    valence: float


class Conversation(Answer):
    """Of the customer's turns; null where there are none. `agent` is the agent's, kept apart."""

    overall: Level | None
    first_third: Level | None
    last_third: Level | None
    shift: float | None = Field(description="last third - first third")
    lowest_turn: LowestTurn | None
    agent: Level | None
    score: int | None = Field(description="late-weighted, in [-100, 100]")
    turned_around: bool = Field(description="it began badly and ended well")
    drivers: list[ConversationDriver]
    unanswered: int = Field(description="turns of the agent after the customer's last one")
    longest_silence_s: float | None = Field(description="longest wait for the customer's answer, where times are known")
    rating: Level | None = Field(description="of the rating that came with it")
    felt: Level | None = Field(description="words and rating together")
    disagreement: float | None = Field(description="rating - overall, where they are far apart")


class Evidence(Answer):
    """A turn with its text; or, without one, the interaction whose rating is meant, or an event."""

    source: str
    id: str
    occurred_at: AwareDatetime
    channel: str | None = None
    event: str | None = None
    turn: int | None = None
    text: str | None = None
    sentiment: Label | None = None
    valence: float | None = None
    rating: dict[str, Any] | None = None


class Sentence(Answer):
    en: str
    he: str


class RiskReason(Answer):
    code: str
    points: int
    text: Sentence
    evidence: list[Evidence]


class Churn(Answer):
    risk: int = Field(ge=0, le=100)
    by: Literal["scorecard", "fitted", "lost"]
    reasons: list[RiskReason]


class Trend(Answer):
    direction: Literal["falling", "steady", "rising"]
    change: float | None
    uncertainty: float | None


class Amount(Answer):
    interactions: int
    turns: int


class InteractionName(Answer):
    source: str
    id: str
    channel: str
    occurred_at: AwareDatetime


Segment = Literal[SEGMENTS]


class MoodDriver(Answer):
    name: str
    valence: float
    share: float


class Disagreement(Evidence):
    apart: float = Field(description="rating - overall valence of the words, in [-2, 2]")


class MoodBrief(Answer):
    """valence and label are null for a customer of whom only events are known."""

    valence: float | None
    label: Label | None
    trend: Trend
    confidence: float = Field(ge=0, le=1)
    evidence: Amount


class Mood(MoodBrief):
    current: Level | None = Field(description="of the latest conversation alone")
    ongoing: Level | None = Field(description="decayed over all: the same as valence and label")
    last_interaction: InteractionName | None
    reasons: list[Evidence] = Field(description="the turns that weighed most")
    drivers: list[MoodDriver]
    disagreements: list[Disagreement] = Field(description="where a rating and the words with it are far apart")
    segment: Segment | None
    churn: Churn
    as_of: AwareDatetime


class CustomerMood(Answer):
    customer: Customer
    mood: Mood | None
    pending: int = Field(description="interactions that are stored and not read yet")


class JoinedMood(CustomerMood):
    moved: int = Field(description="interactions that moved to the customer")


class Stored(Answer):
    source: str
    id: str
    status: Literal["pending", "scored", "failed"]
    channel: str
    customer: Customer
    occurred_at: AwareDatetime
    received_at: AwareDatetime
    stage: str | None
    agent: str | None
    team: str | None
    rating: dict[str, Any] | None
    attributes: dict[str, Any] | None
    open: bool
    conversation: Conversation | None


class Outcome(Stored):
    readings: list[TurnReading]
    mood: Mood | None


class SpeakerRole(Answer):
    role: Literal["customer", "agent", "bot"]
    confidence: float = Field(
        description="1 where the sender or the transcript told it; else how sure the inference is"
    )


class TranscriptOutcome(Outcome):
    format: str = Field(examples=["whisper"])
    speakers: dict[str, SpeakerRole] = Field(description="by the transcript's own names; * where it tells none apart")


class Receipt(Answer):
    source: str
    id: str
    status: Literal["pending", "scored", "failed"]
    new: bool


class NewOutcome(Outcome):
    new: bool


class Outcomes(Answer):
    accepted: int
    duplicates: int
    interactions: list[Receipt | NewOutcome]


class NewTurns(Outcome):
    new_turns: int = Field(description="how many of the turns were not there yet")


class AcceptedEvent(Answer):
    source: str
    id: str
    new: bool


class AcceptedEvents(Answer):
    accepted: int
    duplicates: int
    events: list[AcceptedEvent]


class Turn(Answer):
    turn: int
    speaker: Literal["customer", "agent", "bot"]
    text: str
    start_s: float | None
    end_s: float | None
    reading: Reading | None


class Interaction(Stored):
    turns: list[Turn]


class Told(InteractionName):
    stage: str | None
    rating: dict[str, Any] | None
    status: Literal["pending", "scored", "failed"]
    sentiment: Level | None


class TimelineEntry(Answer):
    start: AwareDatetime
    mood: Level | None = Field(description="of this bucket alone")
    ongoing: Level | None = Field(description="decayed, of all since `from`")
    interactions: list[Told]


class Timeline(Answer):
    customer: Customer
    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    bucket: str
    timeline: list[TimelineEntry]


class SegmentSince(Answer):
    name: Segment | None
    since: AwareDatetime | None


class SegmentChange(Answer):
    before: Segment | None
    segment: Segment | None
    at: AwareDatetime


class NextStep(Answer):
    """What the playbook suggests."""

    id: str
    say: Sentence
    within_h: float | None
    driver: str | None


class Hint(Answer):
    """A wish that the customer voiced."""

    source: str
    id: str
    turn: int
    channel: str
    occurred_at: AwareDatetime
    text: str


class CardEvent(Answer):
    source: str
    id: str
    kind: str
    occurred_at: AwareDatetime
    attributes: dict[str, Any] | None


class Card(CustomerMood):
    segment: SegmentSince
    history: list[SegmentChange] = Field(description="of the segment, the latest first")
    next_step: NextStep | None
    hints: list[Hint] = Field(description="wishes that the customer voiced, the latest first")
    events: list[CardEvent] = Field(description="the latest first")


class CustomerLine(Answer):
    customer: Customer
    segment: Segment | None
    since: AwareDatetime | None
    risk: int
    valence: float | None
    label: Label | None
    channel: str | None
    stage: str | None
    last_at: AwareDatetime | None
    next_step: NextStep | None


class Customers(Answer):
    customers: list[CustomerLine]
    next_cursor: str | None


class Signal(Answer):
    customer: Customer
    risk: int
    reasons: list[RiskReason]
    mood: MoodBrief
    segment: Segment | None
    last_interaction: InteractionName | None
    changed_at: AwareDatetime
    as_of: AwareDatetime


class MessageData(BaseModel):
    """And what the kind of signal tells besides."""

    signal: int
    customer: Customer | None


class Message(Answer):
    """A signal as it is delivered, told in the stream and listed."""

    type: Literal[KINDS]
    timestamp: AwareDatetime
    data: MessageData


class Changes(Answer):
    signals: list[Message]
    next_before: int | None


class Signals(Answer):
    signals: list[Signal]
    next_cursor: str | None


class Filters(Answer):
    """A signal passes where each filter given is met; one on what the signal does not tell is not met."""

    segments: list[str] | None = None
    channels: list[str] | None = None
    min_risk: int | None = None
    drivers: list[str] | None = None


class Subscription(Answer):
    id: str
    url: str
    kinds: list[str]
    filters: Filters
    active: bool
    switched_off_at: AwareDatetime | None
    switched_off_why: str | None
    created_at: AwareDatetime


class NewSubscription(Subscription):
    secret: str = Field(description="signs the deliveries; shown only here")


class Subscriptions(Answer):
    subscriptions: list[Subscription]


class Trial(Answer):
    delivered: bool
    status: int | None = Field(description="HTTP status of the answer; null where none came")
    outcome: str


class Delivery(Answer):
    id: int
    signal: int
    kind: str
    status: Literal["pending", "delivered", "dead"]
    attempts: int
    created_at: AwareDatetime
    next_at: AwareDatetime | None = Field(description="of the next attempt; null where none follows")
    finished_at: AwareDatetime | None
    outcome: str | None = Field(description="of the latest attempt", examples=["HTTP 503"])


class Deliveries(Answer):
    deliveries: list[Delivery]
    next_cursor: str | None


class Redelivered(Answer):
    redelivered: int


class Estimate(Answer):
    """A figure with its 95 % confidence interval; low and high are null where there is too little to tell."""

    value: float
    low: float | None
    high: float | None


class Asked(Answer):
    """What was asked, in whole days of UTC; null stands for all."""

    start: date = Field(alias="from")
    end: date = Field(alias="to", description="not included")
    channel: str | None
    stage: str | None


class Part(Answer):
    customers: int
    share: float | None = Field(description="of the customers heard from on this side")


class Example(InteractionName):
    turn: int
    text: str


class DriverLift(Answer):
    driver: str
    lost: Part
    loyal: Part
    lift: Estimate | None = Field(description="ratio of the two shares; null where a side is empty")
    examples: list[Example]


class Sides(Answer):
    lost: int
    loyal: int


class NamedShare(Answer):
    name: str | None = Field(description="null for none")
    conversations: int
    share: float


class NamedPart(Part):
    name: str


class Former(Answer):
    """The profile of a customer who was lost; null where there is none to tell of."""

    customers: int
    median_days: float | None = Field(description="from the first to the last day heard from in the period")
    conversations: float | None = Field(description="mean of a customer")
    negative: float | None = Field(description="mean share of a customer's conversations")
    spoke_ill: float | None = Field(description="share of customers who did at all")
    channels: list[NamedShare]
    stages: list[NamedShare]
    drivers: list[NamedPart] = Field(description="of what most spoke ill")


class Drivers(Asked):
    customers: Sides
    leave: list[DriverLift] = Field(description="who spoke ill of it: the lost over the loyal")
    stay: list[DriverLift] = Field(description="who praised it: the loyal over the lost")
    former: Former


class PlaceMood(Answer):
    conversations: int
    valence: Estimate = Field(description="mean")
    negative: float
    neutral: float
    positive: float
    rated: int
    rating: float | None = Field(description="mean valence of the ratings")
    disagreed: int = Field(description="conversations whose rating and words are far apart")


class ChannelMood(PlaceMood):
    channel: str


class StageMood(PlaceMood):
    stage: str | None
    channels: list[ChannelMood]


class Fall(Answer):
    channel: str | None = Field(description="null for all channels together")
    before: str
    after: str
    change: Estimate
    sure: bool = Field(description="the interval excludes 0")


class Journey(Asked):
    stages: list[StageMood]
    channels: list[ChannelMood]
    falls: list[Fall]


class Gap(Answer):
    kind: Literal["team", "stage", "channel"]
    name: str
    assessments: int
    believed: float = Field(description="mean of the self-assessments, in percent")
    conversations: int
    said: Estimate | None = Field(description="positive conversations, in percent; null where nothing was heard")
    gap: float | None = Field(description="believed - said")


class Gaps(Asked):
    gaps: list[Gap]


class TurnedAround(Answer):
    conversations: int
    bad_starts: int
    turned_around: int
    share: Estimate | None = Field(description="turned around of bad starts; null where those are too few")


class Agent(TurnedAround):
    agent: str


class OtherAgents(TurnedAround):
    agents: int


class Agents(Asked):
    least: int = Field(description="least conversations of an agent told of alone")
    agents: list[Agent]
    others: OtherAgents | None


class SegmentNow(Answer):
    segment: Segment
    definition: Sentence
    customers: int
    risk: float | None = Field(description="mean")


class SegmentMoves(Answer):
    before: Segment | None
    segment: Segment | None
    changes: int


class Segments(Asked):
    segments: list[SegmentNow]
    changes: list[SegmentMoves]


class Wish(Example):
    customer: Customer


class Wishes(Asked):
    wishes: list[Wish]
    next_cursor: str | None


class SelfAssessment(Answer):
    who: str
    at: AwareDatetime
    kind: Literal["team", "stage", "channel"]
    name: str
    score: float = Field(ge=0, le=100)


class SelfAssessments(Asked):
    assessments: list[SelfAssessment]
    next_cursor: str | None


class Accepted(Answer):
    accepted: int
