#!/bin/sh
# An OCI runtime whose processes are scripts, as tests/unit/shim/kit.h says.
root=$2
log=$4
shift 6
if [ "$1" = --systemd-cgroup ]; then
	echo "$1" >>words
	shift
fi
command=$1
echo "$*" >>words

fail() {
	printf '{"level":"error","msg":"%s"}\n' "$1" >>"$log"
	exit 1
}

# A terminal: its other end is sent, and the program has it as its own.
terminal='
import fcntl, os, pty, socket, sys, termios
ours, theirs = pty.openpty()
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    socket.send_fds(s, [b"/dev/ptmx"], [ours])
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(theirs, fd)
    os.execv("/bin/sh", ["sh", sys.argv[3]])
with open(sys.argv[2], "w") as f:
    print(pid, file=f)
'

run() {
	while [ $# -gt 1 ]; do
		case $1 in
		--pid-file) pid_file=$2 ;;
		--console-socket) console=$2 ;;
		--process) cp "$2" process ;;
		esac
		shift
	done
	program=run-$command
	if [ "$command" = create ] && [ -p begin ]; then
		program=begin-create
		printf 'read -r _ <begin\n. ./run-create\n' >"$program"
	fi
	if [ "$command" = create ] && [ "${0##*/}" = runc ]; then
		mkdir -p "$root/$1"
		mkfifo "$root/$1/exec.fifo"
		ln -sf "$root/$1/exec.fifo" gate
	fi
	if [ "$console" ] && [ ! -e no-terminal ]; then
		exec /usr/bin/python3 -c "$terminal" "$console" "$pid_file" "$program"
	fi
	# In a shell of its own, so that it is the shim's child at once. It must not end before that one,
	# which would collect it.
	(
		exec 3<&0
		sh "$program" <&3 3<&- &
		echo $! >"$pid_file"
	)
	cp "$pid_file" "pid-$command"
	if [ -p "after-$command" ]; then
		read -r _ <"after-$command"
	fi
}

if [ -p "hold-$command" ]; then
	read -r _ <"hold-$command"
fi
if [ -e "fail-$command" ]; then
	fail "$(cat "fail-$command")"
fi
case $command in
create | exec) run "$@" ;;
start)
	if [ -p begin ]; then
		echo >begin
	fi
	;;
kill)
	for signal; do :; done
	kill "-$signal" "$(cat init.pid)" 2>/dev/null || fail "process already finished"
	;;
ps) cat ps ;;
update) cat >updated ;;
esac
