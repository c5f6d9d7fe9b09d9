"""The exported model itself: both engines read alike, it behaves as a careful reader would, and another can take its place."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from models.behaviour import failure_rates
from models.data import own_rows
from models.rounding import to_grid
from service.sentiment.model import open_model
from service.settings import Settings
from tests.acceptance.conftest import Server, moodline

MODEL_DIR = Settings().model_dir


@pytest.fixture(scope="module")
def model():
    return open_model(Settings())


def test_both_engines_give_the_same_labels(model):
    rows = own_rows("dev")
    texts = [(row["text"], row["channel"]) for row in rows][:2_000]
    assert len(texts) == 2_000
    pairs = list(zip(model.score(texts), open_model(Settings(engine="torch")).score(texts)))
    assert sum(one.label == other.label for one, other in pairs) >= 0.995 * len(pairs)


def test_transformers_alone_loads_it_and_reads_the_same(model):
    """In the standard form: no code of ours, the names of the outputs from its own config."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    plain = AutoModelForSequenceClassification.from_pretrained(MODEL_DIR, dtype="float32").eval()
    logits = plain(**tokenizer("chat: השירות היה נורא, אני עוזב", return_tensors="pt")).logits[0]
    names = [plain.config.id2label[i] for i in range(len(logits))]
    (read,) = model.score([("השירות היה נורא, אני עוזב", "chat")])
    assert names[int(logits[:3].argmax())] == read.label == "negative"
    assert logits[names.index("churn_intent")].sigmoid().item() == pytest.approx(read.others["churn_intent"], abs=0.1)


def test_its_stored_weights_are_those_that_8_bits_multiply():
    """Rounding them to the grid of model.onnx changes nothing, so that both engines have one set of weights."""
    encoder = AutoModelForSequenceClassification.from_pretrained(MODEL_DIR, dtype="float32").bert.encoder
    stored = {name: weight.clone() for name, weight in encoder.named_parameters()}
    to_grid(encoder)
    for name, weight in encoder.named_parameters():
        assert weight.sub(stored[name]).abs().max() <= 1e-3 * stored[name].abs().max(), name


@pytest.fixture(scope="module")
def rates(model):
    return failure_rates(model)


# What is wanted is 2 % on invariances and 5 % on the rest; the card says by how much the model misses it. These bounds hold what is
# reached, so that no later model is worse.
def test_what_must_not_change_a_label_seldom_does(rates):
    assert rates["all invariances"]["failure rate"] <= 0.035


def test_what_must_change_a_reading_mostly_does(rates):
    assert rates["all the rest"]["failure rate"] <= 0.065


def test_a_neutral_sentence_stays_neutral_whatever_group_it_names(rates):
    assert rates["identity (label)"]["failure rate"] <= 0.02


@pytest.fixture(scope="module")
def hub_model(tmp_path_factory):
    """A three-class model as a hub has them, with labels that say nothing; its weights are random."""
    folder = tmp_path_factory.mktemp("hub") / "three-class"
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=60_000, num_labels=3, pad_token_id=1, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(MODEL_DIR).save_pretrained(folder)
    return folder


def test_a_hub_model_takes_the_place_and_what_it_lacks_is_absent(hub_model, tmp_path):
    labels = json.dumps({"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"})
    with Server(tmp_path, hub_model=hub_model, hub_labels=labels, data_dir=tmp_path) as server:
        (reading,) = server.client.post("/v1/sentiment", json={"texts": ["שלום"]}).json()["readings"]
        assert reading.keys() == {"sentiment", "language", "model"}
        assert sum(reading["sentiment"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert reading["model"] == {"name": "three-class", "version": "local"}
        body = {"id": "1", "source": "desk", "channel": "chat", "customer": {"id": "dana"}, "text": "אני עוזב",
                "occurred_at": "2026-11-01T10:00:00Z"}  # fmt: skip
        assert server.client.post("/v1/interactions", json=body).status_code == 201


def test_a_hub_model_whose_labels_say_nothing_is_refused_with_what_to_do(hub_model, tmp_path):
    done = moodline("score", "-", stdin="שלום\n", hub_model=hub_model, data_dir=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "LABEL_0, LABEL_1, LABEL_2" in done.stderr and "MOODLINE_HUB_LABELS" in done.stderr


def test_a_hub_model_that_is_not_there_is_refused_with_one_line(tmp_path):
    done = moodline("score", "-", stdin="שלום\n", hub_model=tmp_path / "none", data_dir=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "none can't be loaded" in done.stderr


def test_more_texts_than_may_wait_get_a_503_and_all_others_their_readings(tmp_path):
    with Server(tmp_path, model_queue=64, data_dir=tmp_path) as server:
        texts = [f"הזמנה מספר {number} לא הגיעה, אני רוצה החזר כספי מלא על המשלוח הזה" for number in range(48)]

        def ask(_):
            return server.client.post("/v1/sentiment", json={"texts": texts})

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(8)))
        assert {answer.status_code for answer in answers} == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) >= 1
                assert answer.headers["content-type"] == "application/problem+json"
            else:
                assert len(answer.json()["readings"]) == len(texts)
        assert ask(0).status_code == 200


def test_a_text_without_a_known_letter_is_neutral_and_not_a_guess(model):
    (read,) = model.score([("ขอบคุณมาก", "chat")])
    assert read.label == "neutral" and read.valence == 0 and read.language == "th"
