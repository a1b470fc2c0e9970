from __future__ import annotations

import pytest

from callosum.testing.lower_kit import pressure
from callosum.testing.lower_kit.laws import Law
from tests.testing.lower_kit import bent
from tests.testing.lower_kit.bent import Bent, over_tcp
from tests.testing.lower_kit.exposing import Exposed, cases, expose, impatient

__all__ = ["impatient"]

EXPOSED = {
    "what_is_not_read_has_a_bound": [
        Exposed(Bent(bent.NoBound), Law.BOUND),
        Exposed(Bent(bent.NeverWritable), Law.WRITABLE),
        Exposed(Bent(bent.TakesAndRefuses), Law.ORDER),
    ],
    "what_waits_for_accept_has_a_bound": [
        Exposed(Bent(bent.NoBound), Law.BOUND),
        Exposed(Bent(bent.NeverWritable), Law.WRITABLE),
    ],
    "writable_alone_keeps_a_sender_going": [Exposed(Bent(bent.NeverWritable), Law.WRITABLE)],
    "a_frozen_link_holds_a_bounded_amount": [
        Exposed(over_tcp(bent.NoBound), Law.BOUND),
        Exposed(over_tcp(bent.NeverWritable), Law.WRITABLE),
    ],
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("check", "exposed"), cases((*pressure.CHECKS, *pressure.CHECKS_OF_A_LINK), EXPOSED))
def test_a_layer_that_breaks_it_is_exposed(check, exposed):
    expose(check, exposed)
