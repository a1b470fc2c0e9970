from __future__ import annotations

import pytest

from callosum.testing.lower_kit import endings
from callosum.testing.lower_kit.laws import Law
from tests.testing.lower_kit import bent
from tests.testing.lower_kit.bent import Bent, over_tcp
from tests.testing.lower_kit.exposing import Exposed, cases, expose, impatient

__all__ = ["impatient"]

ENDED = [check.__name__ for check in endings.CHECKS if check.__name__.startswith("ended_")]
CUT = [check.__name__ for check in endings.CHECKS_OF_A_LINK]
EXPOSED = {
    **{
        name: [
            Exposed(Bent(bent.TellsTwice), Law.NONE_AFTER, "closed of"),
            Exposed(Bent(bent.NeverTells), Law.LISTENER_CLOSE if name.endswith("listener") else Law.CLOSED, "not told"),
        ]
        for name in ENDED
    },
    **{
        name: [
            Exposed(over_tcp(bent.TellsTwice), Law.NONE_AFTER, "closed of"),
            Exposed(over_tcp(bent.NeverTells), Law.CLOSED, "not told"),
        ]
        for name in CUT
    },
    "what_was_sent_before_a_close_lingers": [Exposed(Bent(bent.LosesItsTail), Law.LINGER)],
    "what_was_sent_before_a_listener_closes_lingers": [Exposed(Bent(bent.LosesItsTail), Law.LINGER)],
    "nothing_is_told_after_an_own_close": [
        Exposed(Bent(bent.TellsItsOwnClose), Law.NONE_AFTER, "after its own close()"),
        Exposed(Bent(bent.CannotCloseTwice), Law.ONLY_NAMED, "RuntimeError"),
    ],
    "nothing_is_told_after_a_close_in_a_callback": [Exposed(Bent(bent.DeliversRunsWhole), Law.NONE_AFTER)],
    "a_connection_may_be_closed_before_its_start": [
        Exposed(Bent(bent.CannotCloseBeforeStart), Law.ONLY_NAMED, "RuntimeError"),
        Exposed(Bent(bent.NeverTells), Law.CLOSE),
    ],
}
EXPOSED["ended_while_sending_by_who_was_accepted"].append(Exposed(Bent(bent.DropsOne), Law.NO_HOLE))
EXPOSED["ended_while_both_send_by_its_listener"].append(Exposed(Bent(bent.DropsOne), Law.NO_HOLE))
EXPOSED["ended_while_idle_by_who_dialled"] += [
    Exposed(Bent(bent.DeliversAfterClosed), Law.NONE_AFTER, "received of"),
    Exposed(Bent(bent.GivesNoReason), Law.CLOSED, "no reason"),
    Exposed(Bent(bent.SendsAfterClosed), Law.CLOSED, "sends after"),
    Exposed(Bent(bent.NeverDrains), Law.DRAINED),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("check", "exposed"), cases((*endings.CHECKS, *endings.CHECKS_OF_A_LINK), EXPOSED))
def test_a_layer_that_breaks_it_is_exposed(check, exposed):
    expose(check, exposed)
