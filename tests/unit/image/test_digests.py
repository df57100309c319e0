"""A tag is turned into the digest that the registry tells; the registry is a real HTTP server."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kopfkit.cli.subscription import subscribe
from kopfkit.errors import KopfkitError
from kopfkit.image import digests

DIGEST = "sha256:" + "a" * 64


class Registry(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        name = self.path.removeprefix("/v2/").replace("/manifests/", ":")
        answers = {"team/hello:v1": (200, DIGEST), "hello:latest": (200, DIGEST)}
        answers |= {"odd:v1": (200, "md5:1"), "private:v1": (401, "")}
        status, digest = answers.get(name, (404, ""))
        # A registry answers with an image index only if it is accepted.
        if "application/vnd.oci.image.index.v1+json" not in self.headers["Accept"]:
            status = 404
        self.send_response(status)
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("tagged", "pinned"),
    [("team/hello:v1", "team/hello"), ("hello", "hello")],
    ids=["with a tag", "latest where no tag is named"],
)
def test_a_tag_becomes_the_digest(registry: str, tagged: str, pinned: str) -> None:
    assert digests.pin(f"{registry}/{tagged}") == f"{registry}/{pinned}@{DIGEST}"


def test_a_digest_stays_and_nobody_is_asked() -> None:
    image = f"nowhere.invalid/hello:v1@{DIGEST}"
    assert digests.pin(image) == image


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("missing:v1", "is not there"),
        ("private:v1", "is refused with HTTP 401"),
        ("odd:v1", "gives no digest"),
    ],
)
def test_what_a_registry_does_not_tell_is_an_error(registry: str, image: str, why: str) -> None:
    with pytest.raises(KopfkitError, match=why):
        digests.pin(f"{registry}/{image}")


def test_only_a_registry_that_answers_makes_an_image_missing(registry: str) -> None:
    with pytest.raises(digests.NotThere):
        digests.pin(f"{registry}/missing:v1")
    for image in (f"{registry}/private:v1", "127.0.0.1:9/hello:v1"):
        with pytest.raises(KopfkitError) as unknown:
            digests.pin(image)
        assert not isinstance(unknown.value, digests.NotThere)


def test_a_registry_that_is_not_there_is_named() -> None:
    # Port 9 (discard) is closed where nobody has opened it on purpose.
    with pytest.raises(KopfkitError, match=r"registry 127\.0\.0\.1:9: does not answer"):
        digests.pin("127.0.0.1:9/hello:v1")


@pytest.mark.parametrize("image", ["hello", "team/hello:v1", "", "a/b/c d@"])
def test_a_reference_without_a_registry_is_refused(image: str) -> None:
    with pytest.raises(KopfkitError, match="names no registry"):
        digests.pin(image)


def test_subscribe_refuses_an_image_that_its_registry_does_not_have(
    registry: str, tmp_path: Path
) -> None:
    with pytest.raises(digests.NotThere):
        _subscribe(f"{registry}/missing:v1", tmp_path)


def test_subscribe_takes_an_image_by_its_tag_where_the_registry_tells_nothing(
    registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It gets as far as the cluster, which is not there.
    with pytest.raises(KopfkitError, match=r"kubeconfig .* does not exist"):
        _subscribe(f"{registry}/private:v1", tmp_path)
    assert "is taken by its tag" in capsys.readouterr().err


def _subscribe(image: str, place: Path) -> None:
    words = [f"--kubeconfig={place / 'none'}", f"--catalog-image={image}"]
    subscribe.main([*words, "--package=hello", "--namespace=hello"], standalone_mode=False)
