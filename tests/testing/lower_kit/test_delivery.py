from __future__ import annotations

import pytest

from callosum.testing.lower_kit import delivery
from callosum.testing.lower_kit.laws import Law
from tests.testing.lower_kit import bent
from tests.testing.lower_kit.bent import Bent
from tests.testing.lower_kit.exposing import Exposed, cases, expose, impatient

__all__ = ["impatient"]

EXPOSED = {
    "messages_arrive_in_order_both_ways": [
        Exposed(Bent(bent.Reorders), Law.NO_HOLE, "message 99 of 3001"),
        Exposed(Bent(bent.DropsOne), Law.NO_HOLE),
        Exposed(Bent(bent.DropsTheLast), Law.NO_HOLE),
        Exposed(Bent(bent.DoublesOne), Law.ORDER),
        Exposed(Bent(bent.ReturnsNothing), Law.TAKES_NOTHING, "returned None"),
    ],
    "frames_keep_their_number_and_sizes": [
        Exposed(Bent(bent.MergesFrames), Law.ORDER, "2 frames"),
        Exposed(Bent(bent.MergesMessages), Law.NO_HOLE),
        Exposed(Bent(bent.LosesEmptyFrames), Law.ORDER),
        Exposed(Bent(bent.RefusesLongMessages), Law.OVER_LIMITS, "within them"),
    ],
    "a_frame_may_be_a_view": [Exposed(Bent(bent.RefusesViews), Law.ONLY_NAMED, "TypeError")],
    "small_frames_are_the_senders_again": [Exposed(Bent(bent.SendsLater), Law.HANDED_ON)],
    "received_frames_are_the_receivers_to_keep": [
        Exposed(Bent(bent.ReusesItsBuffer), Law.TO_KEEP, "has changed"),
        Exposed(Bent(bent.GivesByteArrays), Law.TO_KEEP, "bytearray"),
    ],
    "the_largest_message_passes": [Exposed(Bent(bent.CutsLongFrames), Law.ORDER)],
    "a_message_over_the_limits_is_refused": [
        Exposed(Bent(bent.SwallowsWhatIsTooLarge), Law.OVER_LIMITS, "raised nothing"),
        Exposed(Bent(bent.RaisesForeign), Law.ONLY_NAMED, "ValueError"),
    ],
    "a_run_of_messages_ends_with_drained": [Exposed(Bent(bent.NeverDrains), Law.DRAINED)],
    "what_arrived_before_start_is_delivered_first": [Exposed(Bent(bent.DeliversToNobody), Law.START)],
    "a_second_start_replaces_the_receiver": [Exposed(Bent(bent.KeepsItsFirstReceiver), Law.START_AGAIN)],
    "nobody_is_called_from_within_a_call": [
        Exposed(Bent(bent.CallsBackWithinSend), Law.NOT_WITHIN, "send()"),
        Exposed(Bent(bent.CallsBackWithinStart), Law.NOT_WITHIN, "start()"),
        Exposed(Bent(bent.CallsBackWithinClose), Law.NOT_WITHIN, "close()"),
    ],
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("check", "exposed"), cases(delivery.CHECKS, EXPOSED))
def test_a_layer_that_breaks_it_is_exposed(check, exposed):
    expose(check, exposed)
