"""Silence, and what is none."""

import asyncio

from aiohttp import ClientSession, web

from kopfkit.runtime.manager.watchdog import Watchdog

PATH = "/api/v1/things"


def test_silence_grows_with_the_turns_and_ends_with_the_first_byte() -> None:
    dog = Watchdog([PATH, "/api/v1/others"])
    for _ in range(90):
        dog.passed(1.0)
        dog.heard("/api/v1/others")
    assert dog.stalled(80) == f"nothing heard on {PATH} for 90 s"
    assert dog.stalled(100) == ""

    dog.heard(PATH)
    assert dog.stalled(80) == ""
    assert dog.longest()[1] == 0.0


def test_a_busy_or_suspended_process_is_not_called_stalled() -> None:
    dog = Watchdog([PATH])
    dog.passed(3600.0)

    assert dog.stalled(80) == ""


async def test_a_blocked_loop_counts_as_one_turn() -> None:
    dog = Watchdog([PATH])
    task = asyncio.create_task(dog.run())
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    until = loop.time() + 3
    while loop.time() < until:
        pass
    await asyncio.sleep(0.01)
    task.cancel()

    assert 0 < dog.longest()[1] <= 1.0


async def test_what_comes_on_a_watch_is_heard_and_other_requests_are_not() -> None:
    said = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.Response(text="{}")
        response = web.StreamResponse()
        await response.prepare(request)
        await said.wait()
        await response.write(b"{}\n")
        return response

    application = web.Application()
    application.router.add_get("/prefix" + PATH, answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/prefix{PATH}"
    lists: list[str] = []
    dog = Watchdog([PATH], listed=lambda: lists.append("listed"), wall=lambda: 1234.5)
    try:
        async with ClientSession(middlewares=(dog.middleware,)) as session:
            dog.passed(1.0)
            async with session.get(url) as response:
                await response.read()
            assert dog.longest() == (PATH, 1.0)
            assert lists == ["listed"]
            async with session.get(url + "/other") as response:
                assert response.status == 404
            assert lists == ["listed"]

            async with session.get(url, params={"watch": "true"}) as response:
                assert dog.longest() == (PATH, 0.0)
                dog.passed(1.0)
                said.set()
                assert [data async for data in response.content.iter_chunked(10)] == [b"{}\n"]
            assert dog.longest() == (PATH, 0.0)
            assert dog.heard_at == {PATH: 1234.5}
    finally:
        await runner.cleanup()


def test_other_watches_are_expected_from_now_on_and_what_is_known_stays() -> None:
    dog = Watchdog(["/a", "/b"], wall=lambda: 7.0)
    told = dog.heard_at
    dog.heard("/a")

    dog.expect(["/a", "/c"])

    assert told == {"/a": 7.0, "/c": 0.0}
    for _ in range(9):
        dog.passed(1.0)
    assert dog.stalled(1.0)
    dog.heard("/a")
    dog.heard("/c")
    assert not dog.stalled(1.0)
