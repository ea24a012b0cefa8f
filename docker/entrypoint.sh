#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command with ROS 2 and PARL's workspace active; the vendor's arm packages, where they are mounted, too.
set -eo pipefail
source /opt/ros/jazzy/setup.bash
if [ -f /interbotix_ws/install/setup.bash ]; then
  source /interbotix_ws/install/setup.bash
fi
domain="${ROS_DOMAIN_ID:-0}" range="${ROS_AUTOMATIC_DISCOVERY_RANGE:-SUBNET}"
source /parl/environment/activate.sh
# activate.sh keeps a shell to itself; containers must find each other.
export ROS_DOMAIN_ID="$domain" ROS_AUTOMATIC_DISCOVERY_RANGE="$range"
exec "$@"
