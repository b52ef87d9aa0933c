import { assert } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { bannerWord } from '../../protocol/banner.ts';

/** The status of a loader that was started by a node which is too old for the agent. */
export const statusOfOldNode = 86;

/**
 * The command for the remote shell that runs the loader with the node of the host. If there is none, or if it is too old or
 * does not start, the command discards the agent's program, which was sent ahead, reports what the host is, and runs a
 * second script, which it reads from its stdin.
 *
 * Any shell reads the script in single quotes, so it contains none, and no backslash, exclamation mark or newline.
 *
 * @param packageBytes length of what is sent ahead.
 * @param sudo goes before each command that starts node; empty, or a command with a blank behind it.
 */
export function hostCommand(loader: string, packageBytes: number, sudo: string): string {
  const node = `${sudo}node`;
  const script = [
    `if ${sudo === '' ? 'command -v node >/dev/null 2>&1' : 'true'}; then ${node} -e "$1"; s=$?`,
    // A node that reports its version works: the status is the agent's.
    `case $s in 0) exit;; ${statusOfOldNode}|126|127) ;; *) ${node} -v >/dev/null 2>&1 && exit $s;; esac; fi`,
    `head -c ${packageBytes} >/dev/null && echo ${bannerWord} 1 needs \${s:-0} \`uname -sm\` && p=\`head -c ${bounds.hostScriptBytes}\` && eval "$p"`,
  ].join('; ');
  return `sh -c '${script}' basyn '${loader}'`;
}

export interface PlaceRequest {
  /** Random, in hexadecimal. */
  readonly token: string;
  /** Of the unpacked files. */
  readonly sizeBytes: number;
  /** As in {@link hostCommand}. */
  readonly sudo: string;
  /** Under which the copy is kept for the next run. Undefined: it is not kept. */
  readonly digest: string | undefined;
}

/**
 * The second script, in POSIX sh. It looks for a directory from which a program can be run, receives the runtime there, and
 * starts it. It has always the same length, because the host reads a fixed number of bytes.
 *
 * All its functions share their variables: sh has no others.
 */
export function placeScript({ token, sizeBytes, sudo, digest = '' }: PlaceRequest): string {
  const parameters = [
    `token=${token} sudo="${sudo.trimEnd()}" digest=${digest}`,
    `need=${Math.ceil(sizeBytes / 1024)} reserve=${Math.ceil(bounds.hostMemoryReserveBytes / 1024)}`,
  ];
  const script = `${parameters.join('\n')}\n${scriptBody}`;
  assert(script.length <= bounds.hostScriptBytes, `script of ${script.length} bytes`);
  return script.padEnd(bounds.hostScriptBytes, '\n');
}

const scriptBody = `loader=$1 d= held=
umask 077
say() { echo "${bannerWord} 1 $*"; }
trap 'test -z "$d" || rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
ns=$(readlink /proc/self/ns/pid 2>/dev/null)
ns=\${ns#*[}
ns=\${ns%]}
cache=\${XDG_CACHE_HOME:-$HOME/.cache}/basyn

# Nobody else can replace what is in it.
sound() {
  case $1 in /*) ;; *) return 1;; esac
  case $1 in *[:\\;]*) return 1;; esac
  set -- "$1" $(ls -ldn "$1/." 2>/dev/null)
  case $2 in d????-??-*|d????????[tT]*) ;; *) return 1;; esac
  test "$4" = 0 || test -O "$1"
}

# What a killed shell has left: ours, private, and its process is gone.
sweep() {
  for o in "$1"/basyn-*-*-*; do
    test -d "$o" && test ! -L "$o" && test -O "$o" || continue
    case $(ls -ldn "$o") in drwx------*) ;; *) continue;; esac
    case \${o##*/} in basyn-*[!0-9a-f]*-*-*|basyn-*-*[!0-9]*-*) continue;; esac
    test "\${o##*-}" = "$ns" || continue
    p=\${o%-*}
    kill -0 "\${p##*-}" 2>/dev/null || rm -rf "$o"
  done
}

# Sets: free KiB, and the type of the file system.
measure() {
  free= type= mount=
  set -- $(df -Pk "$1" 2>/dev/null | { read -r x; read -r x; echo "$x"; })
  if test $# -ge 6; then free=$4 mount=$6; fi
  while read -r x p t x; do
    if test "$p" = "$mount"; then type=$t; fi
  done 2>/dev/null </proc/mounts
  case $type in tmpfs|ramfs) ;; *) return;; esac
  while read -r field value unit; do
    if test "$field" = MemAvailable: && test "$free" -gt $((value - reserve)); then free=$((value - reserve)); fi
  done 2>/dev/null </proc/meminfo
}

# Each directory is tried for memory and for a disk, and reported once.
refuse() {
  if test $1 != disk; then say "not $2 $3"; fi
  return 1
}

try() {
  test -d "$2" || return 1
  sound "$2" || refuse $1 unsafe "$2" || return 1
  test -w "$2" || refuse $1 readonly "$2" || return 1
  measure "$2"
  case $1-$type in memory-tmpfs|memory-ramfs|kept-*) ;; memory-*|disk-tmpfs|disk-ramfs) return 1;; esac
  sweep "$2"
  d=$2/basyn-$token-$$-$ns
  mkdir "$d" 2>/dev/null || { d=; return 1; }
  if test "\${free:-$need}" -lt "$need" || ! { echo "#!/bin/sh"; echo exit 0; } >"$d/x"; then say "not $free $2"
  elif chmod 700 "$d/x" && $sudo "$d/x" 2>/dev/null; then rm -f "$d/x"; return 0
  else say "not noexec $2"; fi
  rm -rf "$d"; d=; return 1
}

# A power cut may leave an empty file.
there() { test -x "$1/node" && test -s "$1/node"; }

run() {
  k=$1
  shift
  if test -f "$k/ld"; then $sudo "$k/ld" --library-path "$k" "$k/node" "$@"
  else $sudo "$k/node" "$@"; fi
}

place() {
  if test -n "$digest" && mkdir -p "$cache" && try kept "$cache"; then kind=kept; return 0; fi
  for kind in memory disk; do
    for b in /dev/shm "$XDG_RUNTIME_DIR" "/run/user/$(id -u)" /run /tmp /var/tmp "\${XDG_CACHE_HOME:-$HOME/.cache}" "$HOME"; do
      test -n "$b" && try $kind "$b" && return 0
    done
  done
  return 1
}

if test -n "$sudo" && ! $sudo true; then say sudo; exit 0; fi
k=$cache/$digest
if test -n "$digest" && sound "$cache" && test -O "$k" && test ! -L "$k" && there "$k"; then
  say found "$k"
  read -r f z && test "$f" = start || exit 1
  run "$k" -e "$loader" "" && exit
  s=$?
  # What does not run, as after a power cut, must not stop each following run.
  run "$k" -v >/dev/null 2>&1 || rm -rf "$k"
  exit $s
fi
if ! place; then say nowhere; exit 0; fi
say "place $kind $d"
while read -r f z; do
  test "$f" = start && break
  head -c "$z" | gzip -dc >>"$d/$f" || { say lost; exit 1; }
  say has
done
test "$f" = start || exit 1
chmod 700 "$d"/*
if test $kind = kept; then
  for o in "$cache"/*; do
    n=\${o##*/}
    # Another run has kept the same in the meantime, and may be about to start it.
    if test "$o" = "$k" && there "$k"; then continue; fi
    case $n in *[!0-9a-f]*) ;; *) test \${#n} = 64 && test -O "$o" && rm -rf "$o";; esac
  done
  mv "$d" "$k" && d= || exit 1
  rm -rf "$k"/basyn-*
  run "$k" -e "$loader" ""
else
  run "$d" -e "$loader" "$d"
fi
exit
`;
