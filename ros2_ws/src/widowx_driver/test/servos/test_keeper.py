# SPDX-License-Identifier: Apache-2.0
import asyncio
from concurrent.futures import Future

from fake_servos import FakeServos
import pytest

from widowx_driver.driver_config import DriverConfig
from widowx_driver.motion.recovery import Recovery
from widowx_driver.motion.slow import MotionResult
from widowx_driver.servos.health import ServoHealth
from widowx_driver.servos.keeper import ServoKeeper


class Talk:
    """A keeper, its servos, and a wall clock that goes 0.1 s a poll."""

    def __init__(self):
        self.servos = FakeServos()
        self.now_s = 0.0
        self.is_there = True
        self.is_mute = False
        self.failure = None
        self.reboot_takes_s = 0.0
        self.may_let_go = False
        self.keeper = ServoKeeper(
            self.call, DriverConfig(), lambda: self.may_let_go, lambda: self.now_s
        )

    def call(self, request):
        if not self.is_there:
            return None
        reply = Future()
        if self.failure is not None:
            reply.set_exception(self.failure)
        elif not self.is_mute:
            answer = self.servos.answer(
                request.service, request.cmd_type, request.name, **request.fields
            )
            if request.service == 'reboot_motors' and self.reboot_takes_s:
                end_s = self.now_s + self.reboot_takes_s
                reply.done = lambda: self.now_s >= end_s
            reply.set_result(answer)
        return reply

    def polls(self, count=60):
        for _ in range(count):
            self.keeper.poll()
            self.now_s += 0.1
        return self

    def run(self, coroutine):
        async def both():
            task = asyncio.ensure_future(coroutine)
            while not task.done():
                self.polls(1)
                await asyncio.sleep(0)
            return task.result()

        return asyncio.run(both())


@pytest.fixture
def talk():
    return Talk()


def test_a_raised_arm_is_prepared_without_letting_go(talk):
    talk.polls()
    assert talk.keeper.is_prepared
    assert talk.keeper.fault() == ''
    assert 'set_operating_modes' not in talk.servos.services()
    assert 'torque_enable' not in talk.servos.services()
    assert talk.servos.registers['Profile_Velocity'] == [200] * 7
    assert talk.servos.registers['Profile_Acceleration'] == [100] * 7
    assert talk.servos.registers['Goal_PWM'][6] == 200


def test_a_pwm_gripper_is_put_into_position_mode_alone(talk):
    talk.servos.modes['gripper'] = ('pwm', 'velocity')
    talk.polls()
    changed = [name for service, name, _ in talk.servos.log if service == 'set_operating_modes']
    assert changed == ['gripper']
    assert talk.servos.modes['gripper'] == ('linear_position', 'time')


def test_a_wrong_arm_mode_is_set_only_at_rest(talk):
    talk.servos.modes['arm'] = ('position', 'velocity')
    talk.polls()
    assert not talk.keeper.is_prepared
    assert 'lets go of the arm' in talk.keeper.fault()
    assert 'set_operating_modes' not in talk.servos.services()
    talk.may_let_go = True
    talk.polls()
    assert talk.keeper.is_prepared
    assert talk.servos.modes['arm'] == ('position', 'time')


@pytest.mark.parametrize(('register', 'value'), [('Operating_Mode', 16), ('Drive_Mode', 0)])
def test_a_joint_that_was_given_another_mode_is_found_though_the_group_has_its_own(
    talk, register, value
):
    talk.servos.registers[register][0] = value
    talk.polls()
    assert f'{register} [{value}, ' in talk.keeper.fault()
    assert 'set_operating_modes' not in talk.servos.services()
    talk.may_let_go = True
    assert talk.polls().keeper.is_prepared
    changed = [name for service, name, _ in talk.servos.log if service == 'set_operating_modes']
    assert changed == ['arm']


def test_another_arm_and_limp_joints_are_named(talk):
    talk.servos.joint_count = 5
    assert 'group arm has 5 joints' in talk.polls().keeper.fault()
    talk.servos.joint_count = 6
    talk.servos.silent_count = 1
    assert 'servos not prepared: wrist_rotate does not answer' in talk.polls().keeper.fault()
    assert 'set_operating_modes' not in talk.servos.services()
    talk.servos.silent_count = 0
    talk.servos.registers['Torque_Enable'][1] = 0
    assert 'not every joint holds' in talk.polls().keeper.fault()


def test_absent_and_mute_services_are_named_and_nothing_waits_for_ever(talk):
    talk.is_there = False
    assert 'service get_robot_info is missing; start' in talk.polls().keeper.fault()
    talk.is_there, talk.is_mute = True, True
    assert 'get_robot_info does not answer' in talk.polls(80).keeper.fault()
    talk.is_mute = False
    assert talk.polls(80).keeper.is_prepared


def test_a_call_that_fails_is_a_fault_and_not_the_end_of_the_driver(talk):
    talk.failure = RuntimeError('the client was destroyed')
    assert 'get_robot_info failed (the client was destroyed)' in talk.polls(3).keeper.fault()
    talk.failure = None
    assert talk.polls(80).keeper.is_prepared


def test_a_reboot_that_nobody_could_take_is_given_up_and_never_made_later(talk):
    talk.polls()
    talk.is_there, ended = False, []
    talk.keeper.reboot(ended.append)
    talk.polls(55)
    assert ended == ['service reboot_motors is missing; start the driver of the arm']
    talk.is_there = True
    talk.polls()
    assert talk.keeper.is_prepared
    assert 'reboot_motors' not in talk.servos.services()


def test_a_reboot_of_every_servo_has_the_time_it_takes(talk):
    talk.polls()
    talk.reboot_takes_s, ended = 7.5, []  # 1 s for each of seven, and the bus
    talk.keeper.reboot(ended.append)
    assert talk.polls(70).keeper.is_rebooting
    talk.polls(60)
    assert ended == ['']
    assert not talk.keeper.is_rebooting
    talk.reboot_takes_s = 1e9
    talk.keeper.reboot(ended.append)
    talk.polls(130)
    assert 'reboot_motors does not answer' in ended[-1]


def test_one_register_is_read_twice_a_second(talk):
    talk.polls(20)
    talk.servos.log.clear()
    talk.polls(100)
    reads = [fields['reg'] for service, _, fields in talk.servos.log]
    assert set(talk.servos.services()) == {'get_motor_registers'}
    assert 12 <= len(reads) <= 20
    assert reads.count('Hardware_Error_Status') >= len(reads) // 2


def test_between_commands_the_bus_is_left_alone(talk):
    talk.polls(20)
    looks_s, commands_s = [], []
    for tick in range(1000):  # 10 s, a command every 0.2 s
        before = len(talk.servos.log)
        if tick % 20 == 0:
            commands_s.append(talk.now_s)
            talk.keeper.note_command()
        talk.keeper.poll()
        looks_s += [talk.now_s] * (len(talk.servos.log) - before)
        talk.now_s += 0.01
    assert set(looks_s[1:]) <= set(commands_s)
    assert len(looks_s) == pytest.approx(25, abs=1)


def test_a_suspicion_is_looked_into_at_once_but_not_ten_times_a_second(talk):
    talk.polls(20)
    while talk.servos.log[-1][2]['reg'] != 'Hardware_Error_Status':
        talk.polls(1)
    talk.servos.registers['Hardware_Error_Status'][2] = 32
    talk.now_s += 0.1
    talk.servos.log.clear()
    talk.keeper.look_soon()
    talk.polls(2)
    assert 'elbow: overload' in talk.keeper.fault()
    talk.servos.log.clear()
    for _ in range(100):
        talk.keeper.look_soon()
        talk.keeper.poll()
        talk.now_s += 0.01
    assert len(talk.servos.log) <= 11


def test_health_names_errors_missing_servos_and_heat(talk):
    health = talk.polls().keeper.health
    talk.servos.overload('elbow')
    talk.polls()
    assert 'elbow: overload (Hardware_Error_Status 32)' in health.fault()
    assert health.limp == ('elbow',)
    talk.servos.registers['Hardware_Error_Status'] = [0] * 7
    talk.servos.registers['Torque_Enable'] = [1] * 7
    talk.polls()
    talk.servos.silent_count = 2
    # xs_sdk ends its list before the first silent servo: 5 answers, so the sixth is it.
    assert talk.polls().keeper.fault().startswith('wrist_rotate does not answer; check cables')
    talk.servos.silent_count = 7
    assert 'waist, or every servo, does not answer' in talk.polls().keeper.fault()
    talk.servos.silent_count = 0
    talk.servos.registers['Present_Temperature'][1] = 66
    talk.polls()
    assert health.fault() == ''
    assert health.warning() == 'shoulder is 66 degC (limit 65); plan a rest'
    talk.servos.registers['Present_Temperature'][1] = 70
    assert 'let it rest' in talk.polls().keeper.fault()


def recovery(talk, rests=True):
    async def move_to_rest():
        talk.servos.log.append(('rest', '', {}))
        return MotionResult(success=rests, message='' if rests else 'elbow is +0.40 rad off')

    async def reboot():
        waiting = asyncio.get_running_loop().create_future()
        talk.keeper.reboot(waiting.set_result)
        fault = await waiting
        return MotionResult(success=not fault, message=fault)

    return Recovery(talk.keeper.health, move_to_rest, reboot, lambda: talk.now_s)


def test_recovery_rests_reboots_and_sends_everything_again(talk):
    talk.polls()
    talk.servos.overload('elbow')
    talk.polls()
    talk.servos.log.clear()
    assert talk.run(recovery(talk).recover_alone()).success
    services = talk.servos.services()
    assert services.index('rest') < services.index('reboot_motors')
    after = talk.servos.log[services.index('reboot_motors') :]
    written = {(name, fields.get('reg')) for _, name, fields in after}
    assert ('arm', 'Profile_Velocity') in written
    assert ('gripper', 'Goal_PWM') in written
    assert talk.servos.registers['Profile_Velocity'] == [200] * 7
    assert talk.keeper.is_prepared
    assert talk.polls().keeper.fault() == ''


def test_an_arm_that_cannot_rest_asks_for_the_operator(talk):
    talk.polls()
    talk.servos.overload('elbow')
    talk.polls()
    result = talk.run(recovery(talk, rests=False).recover_alone())
    assert not result.success
    assert result.message.startswith('overload of elbow: elbow is +0.40 rad off')
    assert 'reboot_motors' not in talk.servos.services()
    assert talk.run(recovery(talk, rests=False).supported()).success


def test_only_overload_is_rebooted_without_a_human_and_only_three_times(talk):
    talk.polls()
    alone = recovery(talk)
    for _ in range(3):
        talk.servos.overload('elbow')
        talk.polls()
        assert talk.run(alone.recover_alone()).success
    talk.servos.overload('elbow')
    talk.polls()
    assert 'rebooted 3 times' in talk.run(alone.recover_alone()).message
    talk.now_s += 400.0
    assert talk.run(alone.recover_alone()).success
    talk.servos.registers['Hardware_Error_Status'][0] = 4
    talk.polls()
    assert 'overheating' in talk.run(alone.recover_alone()).message


def test_short_lists_do_not_hide_what_was_known():
    health = ServoHealth(DriverConfig())
    health.note('Hardware_Error_Status', [0, 32, 0, 0, 0, 0, 0])
    health.note('Hardware_Error_Status', [])
    assert 'shoulder: overload' in health.fault()
