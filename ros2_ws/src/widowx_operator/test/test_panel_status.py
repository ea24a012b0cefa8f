# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_files.episode import Outcome
from widowx_operator.panel_status import PanelStatus, STATES


def test_urgent_things_come_first():
    status = PanelStatus(episode_id='e1', state=2, verdict='cup is not on rack')
    assert status.line() == 'e1 RUNNING | detector: cup is not on rack'
    status.is_acting, status.trouble = True, 'elbow: overload'
    assert status.line().startswith('YOU ACT | ! elbow: overload | e1 RUNNING')
    status.awaits_first_key = True
    assert status.line().startswith('YOU ACT | move to begin | ! elbow')
    status.awaits_reset = True
    assert status.line().startswith('PUT THE OBJECTS BACK')


def test_finished_episode_says_how_it_went():
    assert (
        PanelStatus(episode_id='e1', state=3, outcome=Outcome.TIMEOUT).line()
        == 'e1 finished timeout'
    )
    assert PanelStatus().line() == 'idle'


def test_words_are_those_of_the_message():

    status = pytest.importorskip('parl_msgs.msg', reason='no ROS 2 here').EpisodeStatus
    assert (status.IDLE, status.RESETTING, status.RUNNING, status.FINISHED) == (0, 1, 2, 3)
    assert len(STATES) == 4
