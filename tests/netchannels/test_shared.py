"""What a node shares: names, clashes, roles, and until when."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import csp
import netchannels
from netchannels import NameRefused, NetworkError, TypeRefused
from netchannels.testing import linked

pytestmark = pytest.mark.trio


async def test_what_is_shared_is_found_with_its_type_and_what_can_be_done() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers")
        words = csp.Channel(csp.Call[str, int], name="words")
        home.share("numbers", numbers.receiver())
        home.share("words", words.receiver())
        home.share("words", words.sender())
        assert await there.names() == {
            "numbers": "int (receive)",
            "words": "Call[str, int] (send, receive)",
        }
        assert home.status().shared == await there.names()


async def test_a_role_is_told_of_what_it_may_use_and_of_nothing_else() -> None:
    secrets = {"worker": "a secret for workers", "admin": "another for admins"}
    async with netchannels.serve(secret=secrets, plain=True) as home:
        tasks, orders, news = (csp.Channel(int, name=name) for name in ("tasks", "orders", "news"))
        home.share("tasks", tasks.receiver(), allow={"worker"})
        home.share("tasks", tasks.sender(), allow={"admin"})
        home.share("orders", orders.sender(), allow={"admin"})
        home.share("news", news.receiver())

        def as_role(role: str) -> Any:
            return netchannels.connect(home.address, secret=secrets[role], plain=True, label=role)

        async with as_role("worker") as worker, as_role("admin") as admin:
            assert await worker.names() == {"tasks": "int (receive)", "news": "int (receive)"}
            everything = {"tasks": "int (send)", "orders": "int (send)", "news": "int (receive)"}
            assert await admin.names() == everything
            with await admin.sender("orders", int), await worker.receiver("tasks", int):
                ports = {
                    node: [link.ports for link in (await node.status_of(home.label)).links]
                    for node in (worker, admin)
                }
                assert ports == {worker: [["tasks"], []], admin: [["tasks"], ["orders"]]}
                assert [link.ports for link in home.status().links] == [["tasks"], ["orders"]]
            with pytest.raises(NameRefused, match="it shares: news, tasks$"):
                await worker.sender("nothing", int)
            with pytest.raises(NameRefused, match="not for the role 'worker'"):
                await worker.sender("orders", int)
            with pytest.raises(NameRefused, match="shares no '@status admin'"):
                await worker.sender("@status admin", csp.Call[str, netchannels.NodeStatus])


async def test_a_name_holds_one_receiver_and_one_sender_of_one_channel() -> None:
    async with linked() as (home, _):
        one, other = csp.Channel(int, name="one"), csp.Channel(int, name="other")
        home.share("x", one.receiver())
        with one.receiver() as again, other.sender() as wrong:
            with pytest.raises(ValueError, match="a receiver is shared as 'x' already"):
                home.share("x", again)
            with pytest.raises(ValueError, match="the name of another channel"):
                home.share("x", wrong)
        home.share("x", one.sender())
        with one.sender() as again:
            with pytest.raises(ValueError, match="a sender is shared as 'x' already"):
                home.share("x", again)


async def test_a_refused_share_moves_nothing() -> None:
    async with linked() as (home, _):
        one, other = csp.Channel(int, name="one", buffer=1), csp.Channel(int, name="other")
        home.share("x", other.receiver())
        with one.sender() as sender:
            with pytest.raises(ValueError, match="another channel"):
                home.share("x", sender)
            await sender.send(1)


@pytest.mark.parametrize("name", ["", "@status", "~x", "x" * 129, "ä" * 65])
async def test_a_name_that_is_none_is_refused(name: str) -> None:
    async with linked() as (home, _):
        numbers = csp.Channel(int, name="numbers")
        with numbers.receiver() as receiver:
            with pytest.raises(ValueError, match="1 to 128 bytes and does not begin with"):
                home.share(name, receiver)


async def test_a_name_of_128_bytes_is_one() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers", buffer=1)
        home.share("ä" * 64, numbers.sender())
        with await there.sender("ä" * 64, int) as sender:
            await sender.send(1)


async def test_a_channel_is_no_end_and_the_message_says_what_to_write() -> None:
    async with linked() as (home, _):
        numbers = csp.Channel(int, name="numbers")
        with pytest.raises(TypeError, match=r"write `numbers.receiver\(\)`"):
            home.share("x", numbers)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="an end of a channel is shared, not 17"):
            home.share("x", 17)  # type: ignore[arg-type]


async def test_an_end_that_was_given_away_cannot_be_shared() -> None:
    async with linked() as (home, _):
        numbers = csp.Channel(int, name="numbers")
        receiver = numbers.receiver()
        home.share("x", receiver)
        with pytest.raises(csp.EndClosed, match="to another program"):
            home.share("y", receiver)
        with pytest.raises(csp.EndClosed, match="to another program"):
            await receiver.receive()


async def test_a_type_that_cannot_travel_is_refused_at_once() -> None:
    async with linked() as (home, _):
        with csp.Channel(object, name="anything").receiver() as receiver:
            with pytest.raises(TypeRefused):
                home.share("x", receiver)


async def test_an_end_whose_home_is_elsewhere_is_not_shared_again() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers")
        home.share("numbers", numbers.receiver())
        receiver = await there.receiver("numbers", int)
        with pytest.raises(NetworkError, match="home of `numbers` is another program"):
            there.share("numbers", receiver)


async def test_what_is_unshared_is_not_found_and_what_is_attached_stays() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers")
        home.share("numbers", numbers.receiver())
        receiver = await there.receiver("numbers", int)
        home.unshare("numbers")
        with pytest.raises(NameRefused, match="shares no 'numbers'; it shares: nothing"):
            await there.receiver("numbers", int)
        async with trio.open_nursery() as nursery:
            sender = numbers.sender()
            nursery.start_soon(sender.send, 5)
            assert await receiver.receive() == 5
            sender.close()
            with pytest.raises(csp.EndOfChannel):
                await receiver.receive()


async def test_unsharing_what_is_not_shared_lists_what_is() -> None:
    async with linked() as (home, _):
        home.share("a", csp.Channel(int, name="a").receiver())
        home.share("b", csp.Channel(int, name="b").receiver())
        with pytest.raises(LookupError, match="nothing is shared as 'c'; shared: a, b"):
            home.unshare("c")


async def test_allow_needs_one_secret_a_role() -> None:
    async with linked() as (home, _):
        numbers = csp.Channel(int, name="numbers")
        with numbers.receiver() as receiver:
            with pytest.raises(ValueError, match=r"one secret a role.*roles of this node: none"):
                home.share("x", receiver, allow={"worker"})


# --- until -----------------------------------------------------------------------------------


async def test_until_names_something_that_is_shared() -> None:
    async with linked() as (home, _):
        with csp.Channel(int, name="x").sender() as sender:
            with pytest.raises(ValueError, match="nothing is shared under that name"):
                home.share("x", sender, until="jobs")


async def test_results_end_when_the_jobs_have_ended_and_the_last_worker_has_left() -> None:
    async with linked() as (home, there):
        jobs = csp.Channel(int, name="jobs")
        results = csp.Channel(int, name="results")
        home.share("jobs", jobs.receiver())
        home.share("results", results.sender(), until="jobs")
        got: list[int] = []

        async def work() -> None:
            with await there.receiver("jobs", int) as taken:
                with await there.sender("results", int) as answers:
                    async for number in taken:
                        await answers.send(number * number)

        async def collect() -> None:
            async for square in results.receiver():
                got.append(square)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            nursery.start_soon(collect)
            with jobs.sender() as sender:
                for number in range(4):
                    await sender.send(number)
        assert got == [0, 1, 4, 9]
        assert list(home.status().shared) == ["jobs"]


async def test_results_stay_while_jobs_may_still_come() -> None:
    async with linked() as (home, there):
        jobs = csp.Channel(int, name="jobs")
        results = csp.Channel(int, name="results")
        home.share("jobs", jobs.receiver())
        home.share("results", results.sender(), until="jobs")
        with jobs.sender():
            (await there.receiver("jobs", int)).close()  # a worker comes and leaves
            (await there.sender("results", int)).close()
            await there.names()  # a round trip: the home knows by now
            assert sorted(home.status().shared) == ["jobs", "results"]
