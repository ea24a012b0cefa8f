# SPDX-License-Identifier: Apache-2.0
# To be sourced by bash: the virtual environment, the built workspace and the settings every PARL process shares.
# Set beforehand: ROS_DOMAIN_ID, to join a graph that already runs; PARL_PYTHONPATH, folders of your own modules.

parl_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# A python started from another environment left its library path behind; ours must set its own.
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then
  unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH
fi

. "$parl_root/.venv/bin/activate"
if [ "${ROS_DISTRO:-}" != jazzy ]; then
  # Nor may a workspace that was active before, perhaps of another checkout, stand behind this one.
  unset COLCON_PREFIX_PATH PYTHONPATH
  export AMENT_PREFIX_PATH="$parl_root/.venv" CMAKE_PREFIX_PATH="$parl_root/.venv"
fi
if [ -f "$parl_root/ros2_ws/install/setup.bash" ]; then
  . "$parl_root/ros2_ws/install/setup.bash"
fi
if [ -n "${PARL_PYTHONPATH:-}" ]; then
  export PYTHONPATH="$PARL_PYTHONPATH${PYTHONPATH:+:$PYTHONPATH}"
fi

# Private to this shell: localhost only, and a domain whose discovery port nobody on this machine holds.
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
if [ -z "${ROS_DOMAIN_ID:-}" ]; then
  ROS_DOMAIN_ID=$((RANDOM % 100 + 1))
  while grep -qi ":$(printf %04X $((7410 + 250 * ROS_DOMAIN_ID))) " /proc/net/udp; do
    ROS_DOMAIN_ID=$((RANDOM % 100 + 1))
  done
fi
# Unlike export this also outlives `ROS_DOMAIN_ID=63 source environment/activate.sh`.
declare -gx ROS_DOMAIN_ID="$ROS_DOMAIN_ID"
export RMW_IMPLEMENTATION=rmw_fastrtps_cpp
export FASTRTPS_DEFAULT_PROFILES_FILE="$parl_root/ros2_ws/src/widowx_bringup/config/fastdds.xml"
export ROS_LOG_DIR="${ROS_LOG_DIR:-$parl_root/ros2_ws/log/ros}"

# Processes ended by force leave their shared memory behind: what no living one holds is removed.
fastdds shm clean >/dev/null 2>&1 || true

# Six processes share few cores: one thread each, and MuJoCo draws without a display.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}" LP_NUM_THREADS="${LP_NUM_THREADS:-0}"
export MUJOCO_GL="${MUJOCO_GL:-egl}"
unset parl_root
