#!/usr/bin/env bash
# The tools `make hardware` asks: KiCad 9, ngspice, OpenSCAD, Graphviz, WireViz. Debian 12, as root.
# KiCad 9 is in bookworm-backports; it is asked of the mirror that apt already uses. 1 GB unpacked.
set -euo pipefail
cd "$(dirname "$0")/.."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
kicad() { kicad-cli version 2>/dev/null | grep -q '^9\.'; }

wanted=()
for pair in ngspice:ngspice openscad:openscad dot:graphviz xvfb-run:xvfb xauth:xauth; do
  command -v "${pair%%:*}" >/dev/null || wanted+=("${pair##*:}")
done
if [ "${#wanted[@]}" -gt 0 ] || ! kicad; then
  echo "hardware: installing with apt: ${wanted[*]} $(kicad || echo 'kicad 9')" >&2
  trap 'echo "hardware: that needs root and Debian 12. By hand: KiCad 9, ${wanted[*]}" >&2' ERR
  as_root apt-get -qq update
  [ "${#wanted[@]}" = 0 ] || as_root apt-get -qq install -y --no-install-recommends "${wanted[@]}" >/dev/null
  if ! kicad; then
    if ! apt-cache policy kicad | grep -q ' 9\.'; then
      mirror=$(apt-get indextargets --format '$(REPO_URI)' 'CODENAME: bookworm' 'COMPONENT: main' | head -n 1)
      [ -n "$mirror" ]
      as_root tee /etc/apt/sources.list.d/bookworm-backports.list >/dev/null \
        <<<"deb $mirror bookworm-backports main"
      as_root apt-get -qq update
    fi
    as_root apt-get -qq install -y --no-install-recommends -t bookworm-backports kicad >/dev/null
  fi
  trap - ERR
fi
.venv/bin/python -c 'import wireviz' 2>/dev/null ||
  .venv/bin/python -m pip install -q --disable-pip-version-check -e '.[hardware]'
