#!/bin/sh
# Packs an executable for one target with its installer: FOLDER/NAME.tar.gz, and its SHA-256 next to it.
# An archive keeps file modes, and the name of the template unit, which download sites would change.
#
#   scripts/pack.sh EXECUTABLE NAME FOLDER
set -eu

executable="$1"
name="$2"
folder="$3"
root="$(unset CDPATH && cd "$(dirname "$0")/.." && pwd)"
stage="$(mktemp -d)"
trap 'rm -rf "$stage"' EXIT
inside="$stage/$name"

mkdir -p "$folder" "$inside/dist" "$inside/scripts"
cp "$executable" "$inside/dist/srs-proxy"
chmod 0755 "$inside/dist/srs-proxy"
(cd "$inside/dist" && sha256sum srs-proxy > srs-proxy.sha256)
cp "$root/README.md" "$root/CHANGELOG.md" "$root/LICENSE" "$inside/"
cp -R "$root/docs" "$inside/"
for file in install.sh srs-proxy.service srs-proxy@.service srs-proxy.sysctl.conf; do
  cp "$root/scripts/$file" "$inside/scripts/"
done
tar --owner=0 --group=0 --numeric-owner -C "$stage" -czf "$folder/$name.tar.gz" "$name"
(cd "$folder" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
echo "Packed $folder/$name.tar.gz"
