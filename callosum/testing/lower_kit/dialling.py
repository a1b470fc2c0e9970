"""Checks of how connections begin: addresses, listeners, connectors, and who is at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

from callosum.errors import CallosumError, ConfigurationError, ConnectError
from callosum.testing.lower_kit.end import is_text
from callosum.testing.lower_kit.laws import Law, broken, expect
from callosum.testing.lower_kit.trial import QUIET, Side, Trial, bounded, descriptors, only

AT_ONCE: Final = 50
"""Connections that are open at a time."""
IN_TURN: Final = 100
"""Connections that are made and closed one after the other."""
SHORT: Final = 0.5
"""Seconds that an attempt gets which cannot succeed."""
GRACE: Final = 2.0
"""Seconds by which it may end later, on a busy machine."""


async def a_listener_says_where_it_listens(trial: Trial) -> None:
    """Its address can be dialled: a port 0, or whatever the layer resolves, is resolved."""
    async with trial.listening() as listening:
        address = listening.address
        good = is_text(address) and address.startswith(f"{trial.subject.scheme}://")
        expect(good, Law.RESOLVED, f"the address {address!r}")
        async with trial.joined(listening, Side.BOTH, address) as pair:
            await trial.push_all(pair.accepted, [0])
            await trial.arrived(pair.accepted, pair.dialled)


async def an_address_is_taken_once(trial: Trial) -> None:
    """A second listener there is refused, and the first one goes on."""
    async with trial.listening() as listening:
        second = trial.subject.layer.listener(listening.address, trial.subject.auth)
        await _raises(ConnectError, Law.IN_USE, lambda: second.open(lambda _: None), "open() at an address in use")
        await bounded(second.close(), "close() of a listener that could not be opened")
        async with trial.joined(listening, Side.BOTH, listening.address) as pair:
            await trial.push_all(pair.accepted, [0])
            await trial.arrived(pair.accepted, pair.dialled)


async def what_does_not_fit_is_said(trial: Trial) -> None:
    """An address without a place, one of another layer, and an auth that is nobody's are refused by both."""
    layer, subject = trial.subject.layer, trial.subject
    nothing, other = f"{subject.scheme}://", f"x{subject.scheme}://{subject.address.partition('://')[2]}"
    for make, name in ((layer.listener, "listener"), (layer.connector, "connector")):
        for address, auth in ((nothing, subject.auth), (other, subject.auth), ("", subject.auth)):
            _misfit(lambda: make(address, auth), f"{name}({address!r})")  # noqa: B023 - called at once
        good = trial.fresh_address()
        _misfit(lambda: make(good, object()), f"{name}() with an auth that is a plain object")  # noqa: B023


async def nobody_listens(trial: Trial) -> None:
    """Who dials an address at which nobody listens (any more) hears so within its time."""
    async with trial.listening() as listening:
        address = listening.address
    connector = trial.subject.layer.connector(address, trial.subject.auth)
    await _raises(ConnectError, Law.CONNECT, lambda: connector.connect(SHORT), "connect() where nobody listens")


async def a_listener_is_closed_twice_and_its_address_is_free(trial: Trial) -> None:
    """Also one that was never opened; and another listens there, and again, with connections each time."""
    await bounded(
        trial.subject.layer.listener(trial.fresh_address(), trial.subject.auth).close(), "close() before open()"
    )
    address: str | None = None
    for _ in range(3):
        async with trial.listening(address) as listening:
            address = listening.address
            async with trial.joined(listening, Side.BOTH, address) as pair:
                await trial.push_all(pair.accepted, [0])
                await trial.arrived(pair.accepted, pair.dialled)
                await bounded(listening.listener.close(), "close() of a listener")
                await bounded(listening.listener.close(), "close() of a listener, a second time")


async def each_end_knows_the_other(trial: Trial) -> None:
    """``peer_address`` is for people, ``peer_identity`` is there, and limits are limits."""
    async with trial.pair() as pair:
        for end in (pair.dialled, pair.accepted):
            address = getattr(end.connection, "peer_address", None)
            expect(is_text(address), Law.PEER_ADDRESS, f"{end.name} has the peer_address {address!r}")
            expect(
                hasattr(end.connection, "peer_identity"),
                Law.PEER_IDENTITY,
                f"{end.name} has no attribute peer_identity",
            )
            limits = end.connection.limits
            expect(limits.frames >= 1 and limits.message_bytes >= 1, Law.OVER_LIMITS, f"{end.name} has {limits}")


async def connections_do_not_mix(trial: Trial) -> None:
    """Many at once: each gets what was meant for it, and one that closes takes no other along."""
    async with trial.listening() as listening, AsyncExitStack() as stack:
        clients = await asyncio.gather(*(trial.dial(listening.address) for _ in range(AT_ONCE)))
        for client in clients:
            stack.callback(client.close)
            client.start()
        for number, client in enumerate(clients):
            client.send([b"%d" % number])
        await trial.until(
            lambda: sum(bool(end.messages) for end in listening.accepted) == AT_ONCE,
            Law.HAND_OVER,
            lambda: f"{len(listening.accepted)} of {AT_ONCE} connections were handed over",
        )
        expect(
            len(listening.accepted) == AT_ONCE, Law.HAND_OVER, f"{len(listening.accepted)} were, of {AT_ONCE} dialled"
        )
        for client in clients[::5]:
            client.close()
        for end in listening.accepted:
            end.send([b"to", *end.messages[0]])
        for number, client in enumerate(clients):
            if number % 5:
                await trial.until(
                    lambda: client.messages,  # noqa: B023 - awaited at once
                    Law.NO_HOLE,
                    lambda: f"{client.name} has no answer",  # noqa: B023
                )
                expect(client.messages == [[b"to", b"%d" % number]], Law.ORDER, f"{client.name} got {client.messages}")


async def many_come_and_go(trial: Trial) -> None:
    """Connections one after the other, of which every third has sent nothing: nothing of them stays."""
    async with trial.listening() as listening:
        before = descriptors()
        for number in range(IN_TURN):
            if number % 3:
                async with trial.joined(listening, Side.BOTH, listening.address) as pair:
                    await trial.push_all(pair.accepted, [0])
                    await trial.arrived(pair.accepted, pair.dialled)
            else:
                (await trial.dial(listening.address)).close()
        await _nothing_stays(trial, before)


async def connect_may_be_cancelled_at_any_time(trial: Trial) -> None:
    """Whenever it is, either there is a connection or nothing of it."""
    async with trial.listening() as listening:
        before = descriptors()
        connector = trial.subject.layer.connector(listening.address, trial.subject.auth)
        for turns in (0, 1, 2, 3, 5, 8, 13, 21):
            attempt = asyncio.create_task(connector.connect(SHORT))
            for _ in range(turns):
                await asyncio.sleep(0)
            attempt.cancel()
            with only("connect() that is cancelled"):
                done, _ = await asyncio.wait({attempt}, timeout=GRACE)
                expect(done, Law.CANCELLED, f"connect() had not ended {GRACE:g} s after it was cancelled")
                if not attempt.cancelled():
                    trial.end(attempt.result(), "the end whose connect() was cancelled too late").close()
        await asyncio.sleep(QUIET)
        await _nothing_stays(trial, before)


async def who_does_not_answer_is_no_connection(trial: Trial) -> None:
    """A link that accepts and passes nothing: ``connect`` ends in time, with a ConnectError, and can be cancelled."""
    assert trial.subject.make_link is not None, "without one, the check is left out"
    async with trial.listening() as listening:
        before = descriptors()
        async with trial.subject.make_link(listening.address) as link:
            link.stall()
            connector = trial.subject.layer.connector(link.address, trial.subject.auth)
            start = asyncio.get_running_loop().time()
            await _raises(ConnectError, Law.ANSWERED, lambda: connector.connect(SHORT), "connect() to who is silent")
            took = asyncio.get_running_loop().time() - start
            expect(took <= SHORT + GRACE, Law.CONNECT, f"connect({SHORT:g}) to who is silent took {took:.2f} s")
            attempt = asyncio.create_task(connector.connect(GRACE * 5))
            await asyncio.sleep(QUIET)
            attempt.cancel()
            await asyncio.wait({attempt}, timeout=GRACE)
            expect(attempt.cancelled(), Law.CANCELLED, f"connect() to who is silent was cancelled, and is {attempt!r}")
        await _nothing_stays(trial, before)


CHECKS: Final = (
    a_listener_says_where_it_listens,
    an_address_is_taken_once,
    what_does_not_fit_is_said,
    nobody_listens,
    a_listener_is_closed_twice_and_its_address_is_free,
    each_end_knows_the_other,
    connections_do_not_mix,
    many_come_and_go,
    connect_may_be_cancelled_at_any_time,
)
CHECKS_OF_A_LINK: Final = (who_does_not_answer_is_no_connection,)


async def _nothing_stays(trial: Trial, before: int) -> None:
    await trial.until(
        lambda: descriptors() <= before,
        Law.NOTHING_LEFT,
        lambda: f"{descriptors()} descriptors are open, and {before} were",
    )


async def _raises(kind: type[CallosumError], law: Law, call: Callable[[], Awaitable[object]], what: str) -> None:
    try:
        result = await bounded(call(), what)
    except kind as error:
        expect(str(error), law, f"{what} raised a {type(error).__name__} without a text")
    except CallosumError as error:
        raise broken(law, f"{what} raised {error!r}") from error
    else:
        raise broken(law, f"{what} raised nothing, and returned {result!r}")


def _misfit(make: Callable[[], object], what: str) -> None:
    try:
        with only(what):
            made = make()
    except ConfigurationError as error:
        expect(str(error), Law.ADDRESS_FITS, f"{what} raised a ConfigurationError without a text")
    except CallosumError as error:
        raise broken(Law.ADDRESS_FITS, f"{what} raised {error!r}") from error
    else:
        raise broken(Law.ADDRESS_FITS, f"{what} raised nothing, and returned {made!r}")
