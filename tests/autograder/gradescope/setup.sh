#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image of the autograder.
# The zip that is uploaded holds setup.sh, run_autograder and the course as `course/`.
set -euo pipefail

root="${AUTOGRADER_ROOT:-/autograder}"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends build-essential ca-certificates curl python3
# Submissions in other languages (lab.toml) need theirs in the image: add what you allow.
#   apt-get install -y --no-install-recommends nodejs ruby default-jdk-headless golang-go
# C and Python are there already.
curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
. "$HOME/.cargo/env"

cd "$root/source/course"
cargo build --workspace --bin lab
cargo fetch
