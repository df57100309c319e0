"""The objects and reviews of the conversion benchmark, and how its figures are shown."""

import json

import msgspec
from rich.console import Console

from bench import report, reviews
from bench.measure import Sample
from helloworld_operator.api import v1
from helloworld_operator.api.conversion import CONVERTER
from kopfkit.conversion import convert_review


def test_the_objects_are_valid_and_distinct():
    one, other = reviews.stored(0), reviews.stored(1)
    assert one["metadata"]["name"] != other["metadata"]["name"]
    spec = msgspec.convert(one["spec"], v1.Spec, strict=True)
    assert spec.greeting.language == "en"
    msgspec.convert(one["status"], v1.Status, strict=True)


def test_a_review_is_answered_and_the_objects_come_back_as_they_were():
    objects = [reviews.stored(number) for number in range(3)]
    old = convert_review(reviews.review(objects, reviews.OLD), CONVERTER)["response"]
    assert [each["apiVersion"] for each in old["convertedObjects"]] == [reviews.OLD] * 3
    back = reviews.review(old["convertedObjects"], reviews.NEW)
    assert convert_review(back, CONVERTER)["response"]["convertedObjects"] == objects


def test_objects_are_compared_without_the_annotation_of_the_conversion_only():
    obj = reviews.stored(0)
    obj["metadata"]["annotations"] = {"mine": "kept"}
    old = CONVERTER.convert(obj, reviews.OLD)
    assert len(old["metadata"]["annotations"]) == 2
    assert reviews.without_annotation(old)["metadata"]["annotations"] == {"mine": "kept"}
    alone = reviews.without_annotation(CONVERTER.convert(reviews.stored(0), reviews.OLD))
    assert "annotations" not in alone["metadata"]


def test_reviews_of_a_size_hold_every_object_once():
    parts = list(reviews.split(range(10), 4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert [number for part in parts for number in part] == list(range(10))


def test_webhooks_operators_and_bundles_have_tables_of_their_own():
    samples = [
        Sample("ours", "reviews", 500, {"seconds": 1.0, "cpu_ms": 0.1}),
        Sample("go", "reviews", 500, {"seconds": 2.0, "cpu_ms": 0.1}),
        Sample("ours", "bundle", 1, {"seconds": 0.2, "cpu": 0.2}),
    ]
    console = Console(width=150, record=True)
    report.show(console, samples, ["ours"])
    text = console.export_text()
    assert "10,000 objects in reviews of 500" in text
    assert "2.00 [0.50]" in text
    assert "one bundle, s" in text
    assert "API writes per created object" not in text


def test_samples_are_written_for_programs(tmp_path):
    path = tmp_path / "made" / "result.json"
    report.write(path, [Sample("go", "list", 3000, {"first": 1.5})], {"form": "quick"}, {})
    found = json.loads(path.read_text())["samples"][0]
    assert (found["operator"], found["values"]) == ("go", {"first": 1.5})
