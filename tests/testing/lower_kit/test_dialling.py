from __future__ import annotations

import pytest

from callosum.testing.lower_kit import dialling
from callosum.testing.lower_kit.laws import Law
from tests.testing.lower_kit import bent
from tests.testing.lower_kit.bent import Bent, over_tcp
from tests.testing.lower_kit.exposing import Exposed, cases, expose, impatient

__all__ = ["impatient"]

EXPOSED = {
    "a_listener_says_where_it_listens": [
        Exposed(over_tcp(listening=bent.SaysWhatItWasTold), Law.CONNECT),
        Exposed(Bent(listening=bent.HandsNothingOver), Law.SPEAKS_FIRST),
    ],
    "an_address_is_taken_once": [
        Exposed(Bent(listening=bent.SharesItsAddress), Law.IN_USE, "raised nothing"),
        Exposed(Bent(listening=bent.RaisesOSErrors), Law.ONLY_NAMED, "OSError"),
    ],
    "what_does_not_fit_is_said": [
        Exposed(bent.TakesAnything(), Law.ADDRESS_FITS, "raised nothing"),
        Exposed(bent.RaisesValueErrors(), Law.ONLY_NAMED, "ValueError"),
        Exposed(bent.TakesAnyAuth(), Law.ADDRESS_FITS, "auth"),
    ],
    "nobody_listens": [
        Exposed(Bent(connecting=bent.ConnectsToNobody), Law.CONNECT, "raised nothing"),
        Exposed(Bent(connecting=bent.RaisesTimeouts), Law.ONLY_NAMED, "TimeoutError"),
    ],
    "a_listener_is_closed_twice_and_its_address_is_free": [
        Exposed(Bent(listening=bent.CannotBeClosedTwice), Law.ONLY_NAMED, "RuntimeError"),
        Exposed(Bent(listening=bent.StaysOpen), Law.HAND_OVER, "nobody can listen"),
    ],
    "each_end_knows_the_other": [
        Exposed(Bent(bent.Nameless), Law.PEER_ADDRESS),
        Exposed(Bent(bent.WithoutIdentity), Law.PEER_IDENTITY),
    ],
    "connections_do_not_mix": [Exposed(Bent(bent.Mixes), Law.HAND_OVER)],
    "many_come_and_go": [
        Exposed(Bent(bent.LeavesATask), Law.NOTHING_LEFT, "tasks that run on"),
        Exposed(Bent(bent.LeavesADescriptor), Law.NOTHING_LEFT, "descriptors"),
        Exposed(Bent(bent.LeavesAnErrorToTheLoop), Law.ONLY_NAMED, "left to the event loop"),
    ],
    "connect_may_be_cancelled_at_any_time": [Exposed(Bent(connecting=bent.GoesOnWhenCancelled), Law.CANCELLED)],
    "who_does_not_answer_is_no_connection": [
        Exposed(over_tcp(connecting=bent.ConnectsToNobody), Law.ANSWERED, "raised nothing"),
        Exposed(over_tcp(connecting=bent.RaisesTimeouts), Law.ONLY_NAMED, "TimeoutError"),
        Exposed(over_tcp(connecting=bent.TakesItsTime), Law.CONNECT, "took"),
    ],
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("check", "exposed"), cases((*dialling.CHECKS, *dialling.CHECKS_OF_A_LINK), EXPOSED))
def test_a_layer_that_breaks_it_is_exposed(check, exposed):
    expose(check, exposed)
