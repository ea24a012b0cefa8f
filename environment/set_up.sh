#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes everything PARL runs on: apt packages, virtual environment, built workspace.
# Run it as often as you like: what is there and unchanged is left alone (seconds).
# PYTHON=<interpreter> chooses the Python 3.11 or 3.12 of a new environment. pip's own settings decide where
# torch comes from: with PyTorch's index of CPU wheels as PIP_EXTRA_INDEX_URL the small CPU build is taken.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

# One at a time: a second `make` waits here instead of breaking the first.
mkdir -p ros2_ws
exec 9>ros2_ws/.set_up.lock
flock 9

say() { echo "set-up: $*"; }
fail() { echo "set-up: $*" >&2; exit 1; }
with_ros() { [ "${ROS_DISTRO:-}" = jazzy ]; }

# An activated environment, perhaps another one, must not leak into this one.
if ! with_ros; then
  unset AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH
fi
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then
  unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH
fi

# A shim may exist that does not run, so each candidate is tried by running it.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.12 python3.11 /usr/bin/python3}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  fail "no Python 3.11 or 3.12 found (tried: ${PYTHON:-python3 python3.12 python3.11})." \
    "Install one, or say PYTHON=<interpreter>."
}

# Headers for rosidl's Python modules and ensurepip for venv come with other packages than python3 itself.
lacks_python_parts() {
  ! "$1" -c 'import ensurepip, os, sysconfig, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' 2>/dev/null
}

install_apt_packages() {
  local missing=() package minor
  command -v cmake >/dev/null || missing+=(cmake)
  command -v g++ >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  if lacks_python_parts "$1"; then
    minor="$("$1" -c 'import sys; print(sys.version_info[1])')"
    missing+=("python3.$minor-venv" "python3.$minor-dev")
  fi
  if command -v dpkg-query >/dev/null; then
    for package in libegl1 libegl-mesa0 libgl1-mesa-dri libgl1; do
      dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
  fi
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    fail "these system packages are missing. Run: sudo apt-get install -y ${missing[*]}"
  fi
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

hash_of() { sha256sum "$@" | sha256sum | cut -d ' ' -f 1; }

make_environment() {
  local stamp requirements=(-r environment/python.txt -r environment/test.txt) venv_options=()
  if with_ros; then
    requirements+=(-r environment/colcon.txt)
    venv_options+=(--system-site-packages)
  else
    requirements+=(-r environment/ros-jazzy.txt)
  fi
  stamp="$(hash_of environment/*.txt environment/set_up.sh environment/patch_wheels.py) $root ${venv_options[*]:-wheels}"
  [ "$(cat .venv/.parl-stamp 2>/dev/null)" = "$stamp" ] && return
  # An environment that does not run, or was made for the other way to have ROS 2, is made anew.
  if ! .venv/bin/python -c '' 2>/dev/null \
    || [ "$(grep -c 'include-system-site-packages = true' .venv/pyvenv.cfg)" != "${#venv_options[@]}" ]; then
    say "making .venv with $1"
    "$1" -m venv --clear "${venv_options[@]}" .venv
  fi
  say 'installing Python packages (a minute or two the first time)'
  .venv/bin/python -m pip install -qq --no-input --disable-pip-version-check "${requirements[@]}"
  with_ros || .venv/bin/python environment/patch_wheels.py
  echo "$stamp" > .venv/.parl-stamp
}

# Python packages are linked, not copied: only what decides a build counts, so edits of modules are live.
# What pip leaves in a package (build, *.egg-info) does not.
build_stamp() {
  echo "$root $(cat .venv/.parl-stamp)"
  find ros2_ws/src sim -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*' ! -path '*/build/*' | sort
  find ros2_ws/src sim ! -path '*/build/*' \( -name package.xml -o -name CMakeLists.txt -o -name 'setup.*' \
    -o -name '*.msg' -o -name '*.srv' -o -name '*.action' \) -print0 | sort -z | xargs -0 cat
}

build_workspace() {
  local stamp options=()
  stamp="$(build_stamp | sha256sum)"
  [ -f ros2_ws/install/setup.bash ] && [ "$(cat ros2_ws/install/.parl-stamp 2>/dev/null)" = "$stamp" ] && return
  say 'building the workspace with colcon (under a minute the first time)'
  # shellcheck disable=SC1091
  . .venv/bin/activate
  if with_ros; then
    # The arm driver's own messages win where they are installed.
    python -c 'import interbotix_xs_msgs' 2>/dev/null && options+=(--packages-ignore interbotix_xs_msgs)
  else
    export AMENT_PREFIX_PATH="$root/.venv" CMAKE_PREFIX_PATH="$root/.venv"
  fi
  mkdir -p ros2_ws/log
  # A linked build keeps links to files that have been removed since, and fails on them.
  [ ! -d ros2_ws/build ] || find ros2_ws/build -xtype l -delete
  (cd ros2_ws && python -m colcon --log-base log build --base-paths src ../sim --symlink-install \
    --continue-on-error --event-handlers console_direct- console_cohesion- "${options[@]}" \
    --cmake-args "-DPython3_EXECUTABLE=$root/.venv/bin/python" -DBUILD_TESTING=OFF) \
    > ros2_ws/log/set_up.log 2>&1 || { tail -n 60 ros2_ws/log/set_up.log >&2; fail 'the build failed'; }
  echo "$stamp" > ros2_ws/install/.parl-stamp
}

python="$(find_python)"
install_apt_packages "$python"
make_environment "$python"
build_workspace
if [ "$(df --output=size -m /dev/shm 2>/dev/null | tail -n 1)" -lt 512 ]; then
  say 'warning: /dev/shm is below 512 MB; camera frames go through it (docker run --shm-size=1g)'
fi
say 'ready'
