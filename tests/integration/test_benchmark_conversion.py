"""The conversion benchmark against our own webhook as a process."""

from pathlib import Path

from bench import conversion, webhooks
from bench.reviews import stored
from kopfkit.host.progress import Progress


def test_our_webhook_is_measured_over_tls_and_ends_with_the_block(tmp_path: Path) -> None:
    certificates = webhooks.Certificates.make(tmp_path / "certificates")
    with webhooks.running("ours", tmp_path, certificates, Progress()) as ours:
        webhooks.compare([ours])
        one = conversion.single(ours, 20)
        assert 0 < one.values["p50_ms"] <= one.values["p99_ms"]
        several = conversion.many(ours, [stored(number) for number in range(50)], 10)
        assert several.count == 10
        assert several.values["seconds"] > 0
        assert ours.process.rss() > 10
        pid = ours.process.pid
    assert not Path(f"/proc/{pid}").exists()
