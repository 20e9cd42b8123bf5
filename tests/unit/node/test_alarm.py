"""The alarm rings once, when it was last told to, and not before."""

import asyncio
import time

import pytest
import uvloop

from kedge.node.alarm import Alarm

MS = 1_000_000


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_an_alarm_rings_once_and_not_before(runner) -> None:  # type: ignore[no-untyped-def]
    async def work() -> None:
        rings: list[int] = []
        rang = asyncio.Event()

        def ring() -> None:
            rings.append(time.time_ns())
            rang.set()

        async def next_ring() -> int:
            await asyncio.wait_for(rang.wait(), 10)
            rang.clear()
            return rings[-1]

        alarm = Alarm(ring)
        due = time.time_ns() + 20 * MS + 300_000
        alarm.set(due)
        alarm.set(due)
        assert await next_ring() >= due
        alarm.set(due)
        await next_ring()
        alarm.set(time.time_ns() + 3_600_000 * MS)
        due = time.time_ns() + 5 * MS
        alarm.set(due)
        assert await next_ring() >= due
        alarm.set(0)
        await next_ring()
        alarm.set(time.time_ns() + 5 * MS)
        alarm.set(None)
        await asyncio.sleep(0.05)
        assert len(rings) == 4
        alarm.set(time.time_ns() + 5 * MS)
        alarm.close()
        alarm.set(time.time_ns())
        await asyncio.sleep(0.05)
        assert len(rings) == 4

    runner(work())


def test_what_the_alarm_calls_may_set_it_again() -> None:
    async def work() -> None:
        rings: list[int] = []
        done = asyncio.Event()

        def ring() -> None:
            rings.append(time.time_ns())
            if len(rings) == 5:
                done.set()
            else:
                alarm.set(time.time_ns() + MS)

        alarm = Alarm(ring)
        alarm.set(time.time_ns())
        await asyncio.wait_for(done.wait(), 10)
        alarm.close()
        assert rings == sorted(rings)

    asyncio.run(work())
